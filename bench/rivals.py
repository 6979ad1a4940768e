"""What the loader is measured against: a bare script, and one that follows cursors one by one."""

import asyncio
from collections.abc import Sequence
from urllib.parse import urlsplit

import httpx
import pandas as pd

from bench.standin import HEADERS, Request, StandIn

LOOKUPS = (
    ("/organization/users", ()),
    ("/organization/projects", (("include_archived", "true"),)),
    ("/organization/admin_api_keys", ()),
)
PER_PROJECT = (
    ("api_keys", (("owner_project_access", "any"),)),
    ("service_accounts", ()),
)


def _rows(payloads: list[dict]) -> list[dict]:
    buckets = [bucket for payload in payloads for bucket in payload["data"] if "results" in bucket]
    return [row for bucket in buckets for row in bucket["results"]]


async def fetch_bare(client: httpx.AsyncClient, requests: Sequence[Request]) -> pd.DataFrame:
    """The very same requests, eight at a time: JSON parsed, rows in one frame, nothing else."""
    slots = asyncio.Semaphore(8)

    async def ask(request: Request) -> dict:
        path, pairs = request
        async with slots:
            reply = await client.get(path, params=httpx.QueryParams(pairs))
        return reply.raise_for_status().json()

    return pd.DataFrame(_rows(await asyncio.gather(*map(ask, requests))))


def bare_client(where: StandIn) -> httpx.AsyncClient:
    parts = urlsplit(where.base_url)
    return httpx.AsyncClient(
        base_url=f"{parts.scheme}://{parts.netloc}", headers=HEADERS, timeout=120
    )


class OneByOne:
    """Pages of the API's default size, one after another along ``next_page`` and ``after``."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client
        self.requests = 0
        self.items: dict[str, int] = {}
        """Number of items of each look-up, by path."""

    def fetch(self, series: Sequence[Request]) -> pd.DataFrame:
        """Usage and costs by bucket, then all look-ups.

        Args:
            series: path below the base URL and the query pairs without limit, one per endpoint.
        """
        pages = [page for path, pairs in series for page in self._pages(path, pairs)]
        frame = pd.DataFrame(_rows(pages))
        projects = []
        for path, pairs in LOOKUPS:
            items = self._list(path, pairs)
            projects += [item["id"] for item in items if path.endswith("/projects")]
        for project in projects:
            for part, pairs in PER_PROJECT:
                self._list(f"/organization/projects/{project}/{part}", pairs)
        return frame

    def _get(self, path: str, pairs: Sequence[tuple[str, str]]) -> dict:
        self.requests += 1
        reply = self._client.get(path, params=httpx.QueryParams(tuple(pairs)))
        return reply.raise_for_status().json()

    def _pages(self, path: str, pairs: Sequence[tuple[str, str]]) -> list[dict]:
        pages = [self._get(path, pairs)]
        while pages[-1]["has_more"]:
            pages.append(self._get(path, [*pairs, ("page", pages[-1]["next_page"])]))
        return pages

    def _list(self, path: str, pairs: Sequence[tuple[str, str]]) -> list[dict]:
        items: list[dict] = []
        while True:
            after = [("after", items[-1]["id"])] if items else []
            page = self._get(path, [*pairs, *after])
            items += page["data"]
            if not page["has_more"]:
                self.items[path] = len(items)
                return items
