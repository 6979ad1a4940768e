"""The one place that speaks HTTP: bounded, retried, and every failure translated once."""

import asyncio
import hashlib
import ipaddress
import random
import ssl
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import httpx
import stamina
from anyio import CancelScope, fail_after
from loguru import logger

from lib.errors import (
    SourceDenied,
    SourceError,
    SourceRefused,
    SourceReplyError,
    SourceUnavailable,
    SourceUntrusted,
)
from lib.redaction import redact
from lib.replies import AbsurdNumber, read_json

USER_AGENT = "ai-usage-dashboard"
LARGEST_REPLY = 500_000_000
"""Bytes, unpacked; no upstream has a reason to send more."""

_TRANSIENT = (408, 409, 429)


@dataclass(frozen=True)
class Retry:
    """How often and how long to try again. Times in seconds.

    Args:
        attempts: tries in all.
        first_wait: wait after the first failure; doubles from there.
        longest_wait: cap of the doubling.
        longest_retry_after: a ``Retry-After`` beyond this ends the tries at once: the answer would
            come too late for a person who waits.
    """

    attempts: int = 5
    first_wait: float = 0.5
    longest_wait: float = 8.0
    longest_retry_after: float = 60.0


class _Transient(SourceUnavailable):
    """A failure that another try may mend; ``retry_after`` in seconds when the upstream said so."""

    retry_after: float | None = None


@dataclass(frozen=True)
class Terms:
    """How one request differs from the others of its client.

    Args:
        root: another root of the same server instead of the base URL.
        seconds: the whole answer must have come by then; None means no such bound.
        give_back: statuses that are not tried again, because the caller has a better idea; 408 is
            also an answer that did not come in time.
    """

    root: str | None = None
    seconds: float | None = None
    give_back: Collection[int] = ()


_USUAL = Terms()


class ApiClient:
    """Asks one upstream under one credential.

    Args:
        name: the upstream's name in errors, such as ``openai``.
        base_url: without trailing slash.
        set_by: the variable or option that names the address, for remedies.
        headers: sent with every request; may hold the credential, which is never logged.
        organisation: whose data it is, of those that a host has; empty where nobody says.
        concurrency: requests in flight at the most, over all sessions that share this client.
        connect_timeout: seconds; an answer may take 120 from one piece to the next.
        largest: most bytes of one reply, unpacked.
        tls: which authorities are trusted; None means the usual ones.
        transport: another way to the upstream, for demo, tests and guarded hosts; no proxy of the
            environment is used then.
    """

    def __init__(
        self,
        name: str,
        base_url: str,
        headers: Mapping[str, str],
        *,
        set_by: str = "the address",
        organisation: str = "",
        concurrency: int = 8,
        retry: Retry | None = None,
        connect_timeout: float = 10,
        largest: int = LARGEST_REPLY,
        tls: ssl.SSLContext | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.name, self.base_url, self.organisation = name, base_url, organisation
        self.host = urlsplit(base_url).hostname or ""
        self._place = _place(base_url)
        self._set_by = set_by
        self._in_between = f"Check {set_by}, and whether a sign-in page or proxy stands in between."
        self.scope = fingerprint(base_url, *headers.values())
        self._retry = retry or Retry()
        self._slots = asyncio.Semaphore(concurrency)
        self._asking = 0
        self._largest = largest
        self._http = httpx.AsyncClient(
            headers={"User-Agent": USER_AGENT, "Accept": "application/json", **headers},
            timeout=httpx.Timeout(120, connect=connect_timeout),
            verify=True if tls is None else tls,
            limits=httpx.Limits(max_connections=concurrency, max_keepalive_connections=concurrency),
            transport=transport,
            # A proxy would get the key, unencrypted, of an upstream on this very machine.
            trust_env=not _on_this_machine(self.host),
        )

    @property
    def busy(self) -> bool:
        """Whether anybody waits for an answer."""
        return self._asking > 0

    async def get_json(
        self, path: str, params: Sequence[tuple[str, str]] = (), *, part: str = ""
    ) -> Any:
        """The parsed JSON of one GET; numbers with a fraction become Decimal, exactly as written.

        Args:
            path: below the base URL, with a leading slash.
            params: query pairs; repeat a name for an array.
            part: what is asked for, named in errors: ``completions`` makes ``openai:completions``.

        Raises:
            SourceUnavailable: no connection, 5xx, or still 429 after the last try.
            SourceDenied: 401 or 403; not tried again.
            SourceRefused: any other 4xx.
            SourceReplyError: not JSON.
        """
        reply = await self.get_bytes(path, params, part=part)
        return self._parsed(self._source(part), reply)

    async def get_bytes(
        self,
        path: str,
        params: Sequence[tuple[str, str]] = (),
        *,
        part: str = "",
        terms: Terms = _USUAL,
    ) -> bytes:
        """The body of one GET, unpacked and otherwise as it came; see ``get_json``.

        Raises:
            SourceError: as ``get_json``, except that nothing is parsed.
        """
        query = httpx.QueryParams(tuple(params))
        request = self._http.build_request("GET", self._url(path, terms), params=query)
        return await self._ask(request, part, terms)

    async def post_json(self, path: str, body: Any, *, part: str = "") -> Any:
        """The parsed JSON of one POST that only reads, and so is tried again like a GET.

        Args:
            body: becomes JSON.

        Raises:
            SourceError: as ``get_json``.
        """
        reply = await self.post_bytes(path, body, part=part)
        return self._parsed(self._source(part), reply)

    async def post_bytes(
        self, path: str, body: Any, *, part: str = "", terms: Terms = _USUAL
    ) -> bytes:
        """The body of the answer to one POST that only reads; see ``post_json``.

        Raises:
            SourceError: as ``get_json``, except that nothing is parsed.
        """
        request = self._http.build_request("POST", self._url(path, terms), json=body)
        return await self._ask(request, part, terms)

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._http.aclose()

    def _source(self, part: str) -> str:
        return f"{self.name}:{part}" if part else self.name

    def _url(self, path: str, terms: Terms) -> str:
        if terms.root is None:
            return self.base_url + path
        if urlsplit(terms.root)[:2] != urlsplit(self.base_url)[:2]:
            raise ValueError("another server shall not get the credential")
        return terms.root + path

    async def _ask(self, request: httpx.Request, part: str, terms: Terms) -> bytes:
        self._asking += 1
        try:
            return await self._ask_with_retries(self._source(part), request, terms)
        finally:
            self._asking -= 1

    async def _ask_with_retries(self, source: str, request: httpx.Request, terms: Terms) -> bytes:
        retry = self._retry

        def wait(error: Exception) -> bool | float:
            given_back = isinstance(error, _Transient) and error.status in terms.give_back
            return False if given_back else self._wait(error)

        async for attempt in stamina.retry_context(
            on=wait,
            attempts=retry.attempts,
            timeout=None,
            wait_initial=retry.first_wait,
            wait_max=retry.longest_wait,
            wait_jitter=retry.first_wait,
        ):
            with attempt:
                async with self._slots:
                    return await self._ask_once(source, request, terms.seconds)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _wait(self, error: Exception) -> bool | float:
        if not isinstance(error, _Transient):
            return False
        logger.debug("{}; trying again", error.message)
        if error.retry_after is None:
            return True
        if error.retry_after > self._retry.longest_retry_after:
            return False
        # Sessions that were refused together shall not come back together.
        return error.retry_after + random.uniform(0, self._retry.first_wait)  # noqa: S311 - no secret

    async def _ask_once(self, source: str, request: httpx.Request, seconds: float | None) -> bytes:
        try:
            return await self._exchange(source, request, seconds)
        except (httpx.TimeoutException, TimeoutError) as error:
            late = f"{self._place} did not answer in time."
            remedy = f"Try again in a minute; if it stays, check {self._set_by}."
            raise _Transient(source, late, remedy, status=408) from error
        except httpx.TransportError as error:
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                raise SourceUntrusted(
                    source,
                    f"the certificate of {self._place} is not trusted.",
                    f"Check {self._set_by}; trust the authority that signed it, if that is your own.",
                ) from error
            raise _Transient(
                source,
                f"no connection to {self._place} ({type(error).__name__}).",
                f"Check {self._set_by}, and name service, proxy and firewall on the way there.",
            ) from error
        except httpx.DecodingError as error:
            said = f"{self.host} sent a reply that cannot be unpacked."
            remedy = "Try again; if it stays, a proxy in between may damage answers."
            raise SourceReplyError(source, said, remedy) from error

    async def _exchange(self, source: str, request: httpx.Request, seconds: float | None) -> bytes:
        """A request and its answer, in a task of its own that anyio alone cancels.

        httpcore shields what it closes from anyio, not from asyncio: it would never get back the
        connection of a request that asyncio cancels, and without connections nobody is answered.
        """
        scope = CancelScope()

        async def exchange() -> bytes:
            with scope, fail_after(seconds):
                return await self._read(source, request)
            raise asyncio.CancelledError

        task = asyncio.create_task(exchange())
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            scope.cancel()
            await asyncio.wait([task])
            raise

    async def _read(self, source: str, request: httpx.Request) -> bytes:
        """The body, read no further than the bound."""
        reply = await self._http.send(request, stream=True)
        try:
            pieces, size = [], 0
            async for piece in reply.aiter_bytes():
                pieces.append(piece)
                size += len(piece)
                if size > self._largest:
                    raise SourceReplyError(
                        source, f"{self.host} sent more than {self._largest // 1_000_000} MB."
                    )
        finally:
            await reply.aclose()
        content = b"".join(pieces)
        if reply.status_code != httpx.codes.OK:
            raise self._failure(source, reply, content)
        return content

    def _parsed(self, source: str, content: bytes) -> Any:
        try:
            return read_json(content)
        except AbsurdNumber as error:
            raise SourceReplyError(
                source, f"{self.host} sent {error}.", "Report it to whoever runs that server."
            ) from error
        except ValueError as error:
            if content.lstrip()[:1] == b"<":
                said = f"{self.host} answered with a web page instead of data."
                raise SourceReplyError(source, said, self._in_between) from error
            said = f"{self.host} sent JSON that breaks off or is malformed."
            remedy = "Try again; if it stays, a proxy in between may cut long answers."
            raise SourceReplyError(source, said, remedy) from error

    def _failure(self, source: str, reply: httpx.Response, content: bytes) -> SourceError:
        """The error for a status other than 200."""
        status = reply.status_code
        message, parameter, code = _error_body(content)
        said = f"{self.host} answered {status}" + (f": {message}" if message else "")
        said += "" if said.endswith((".", "!", "?")) else "."
        if "missing scopes" in message.lower():  # OpenAI says it with 400 and 401, too
            status = 403
        if status in (401, 403):
            return SourceDenied(source, said, status=status)
        if code == "insufficient_quota":
            remedy = "Ask an owner to check the plan and its limits."
            return SourceUnavailable(source, said, remedy, status=status)
        if status in _TRANSIENT or status >= 500:
            passing = _Transient(source, said, status=status)
            passing.retry_after = _retry_after(reply)
            return passing
        if 300 <= status < 400:
            said = f"{self._place} redirects to another address, which is not followed."
            return SourceReplyError(source, said, self._in_between, status=status)
        return SourceRefused(source, said, parameter=parameter, status=status)


def fingerprint(*parts: str) -> str:
    """A name for a credential and its address that reveals neither; starts every cache key."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _on_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _place(url: str) -> str:
    """Host and port, whatever is written out."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _error_body(content: bytes) -> tuple[str, str, str]:
    """Message, parameter and code of an error reply, each empty when absent; secrets masked."""
    try:
        body = read_json(content)
    except ValueError:
        return "", "", ""
    error = body.get("error", body) if isinstance(body, dict) else body
    told = error if isinstance(error, dict) else {"message": error}
    fields = (told.get("message") or told.get("msg"), told.get("param"), told.get("code"))
    # Masked before it is cut: half a key is not recognised any more.
    message, parameter, code = (redact(str(field))[:500] if field else "" for field in fields)
    return message, parameter, code


def _retry_after(reply: httpx.Response) -> float | None:
    """Seconds the upstream asks to wait; None when it does not say."""
    for header, unit in (("retry-after-ms", 1_000), ("retry-after", 1)):
        text = reply.headers.get(header, "")
        try:
            seconds = float(text) / unit
        except ValueError:
            try:
                seconds = (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds()
            except (ValueError, TypeError):
                continue
        if seconds >= 0:
            return seconds
    return None
