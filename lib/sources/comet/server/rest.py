"""Asks the REST API of a Comet server, below whichever root it has."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from lib.api_client import ApiClient, Terms
from lib.errors import SourceError, SourceReplyError, SourceUnavailable, SourceUntrusted
from lib.sources.comet.server import NAME

T = TypeVar("T")

SECONDS = 60.0
"""An answer that takes longer is not waited for; asking once more would take as long."""

LATE = 408

_INLINE = 32_000
"""Bytes that are parsed faster than a thread is found."""

_SIGN_IN = (
    "Check the address (COMET_URL_OVERRIDE); where a sign-in page stands in between, ask for a way "
    "around it for /api, or set COMET_ALLOW_HEADER_NAME and COMET_ALLOW_HEADER_VALUE."
)
_AUTHORITY = (
    "Check the address (COMET_URL_OVERRIDE); if its certificate is signed by your own authority, "
    "set COMET_INCLUDE_CUSTOM_CA_BUNDLE to that authority's file."
)
_CUT = "Try again; if it stays, a proxy in between may cut or change answers."


@contextmanager
def advised() -> Iterator[None]:
    """Failures on the way to a server, with what to do about them at Comet."""
    try:
        yield
    except SourceUntrusted as error:
        raise SourceUntrusted(error.source, error.detail, _AUTHORITY) from error
    except SourceReplyError as error:
        if not 300 <= error.status < 400:
            raise
        raise SourceReplyError(error.source, error.detail, _SIGN_IN, status=error.status) from error


@dataclass
class CometRest:
    """One server's REST API.

    Args:
        client: of that server, at any of its roots.
        roots: that it may have, the likelier first; once one has answered it is the only one left.
        parsing: one reply is read at a time: threads would take the processor from each other.
        lanes: how many large replies are on their way or wait to be read.
    """

    client: ApiClient
    roots: list[str]
    parsing: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1))
    lanes: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(12))

    async def get(
        self,
        path: str,
        params: Sequence[tuple[str, str]],
        parse: Callable[[bytes], T],
        part: str,
    ) -> T:
        """What ``parse`` makes of the answer to a GET.

        Args:
            path: below the root, with a leading slash.
            parse: raises ValueError for what it cannot read; may run in a thread.
            part: what is asked for, named in errors.

        Raises:
            SourceError: as ``ApiClient.get_json``; of several roots the first one's error.
        """
        first: SourceError | None = None
        for root in tuple(self.roots):
            try:
                terms = Terms(root, SECONDS, (LATE,))
                with advised():
                    raw = await self.client.get_bytes(path, params, part=part, terms=terms)
                parsed = await self._parsed(raw, parse, part)
            except SourceError as error:
                first = first or error
                if isinstance(error, SourceUnavailable) and error.status in (0, LATE):
                    break  # nobody there, whatever the path
            else:
                self.roots[:] = [root]
                return parsed
        assert first is not None
        raise first

    async def post(
        self, path: str, body: Any, parse: Callable[[bytes], T], part: str, terms: Terms
    ) -> T:
        """What ``parse`` makes of the answer to a POST that only reads; see ``get``."""
        terms = Terms(self.roots[0], terms.seconds, terms.give_back)
        async with self.lanes:
            with advised():
                raw = await self.client.post_bytes(path, body, part=part, terms=terms)
            return await self._parsed(raw, parse, part)

    async def _parsed(self, raw: bytes, parse: Callable[[bytes], T], part: str) -> T:
        try:
            if len(raw) < _INLINE:
                return parse(raw)
            async with self.parsing:
                return await asyncio.to_thread(parse, raw)
        except (ValueError, RecursionError) as error:
            page = raw.lstrip()[:1] == b"<"
            said = "a web page instead of data" if page else "data that cannot be read"
            raise SourceReplyError(
                f"{NAME}:{part}",
                f"{self.client.host} answered with {said}.",
                _SIGN_IN if page else _CUT,
            ) from error
