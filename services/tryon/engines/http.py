"""HTTP to providers: JSON and downloads, with limits, and failures told apart by what can be done about them."""

import base64
import binascii
import ipaddress
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import SplitResult, urlsplit

import httpx

from services.kit import telemetry
from services.tryon.engines.base import EngineFailed, EngineUnusable, TryAgain

MOST_BYTES = 32 * 1024 * 1024
_REDIRECTS = 3
# How long a provider may think is the engine's deadline's matter, not the connection's.
_TIMEOUT = httpx.Timeout(None, connect=5, write=30)


@dataclass(frozen=True)
class Answer:
    """What a provider said. `data` is empty where the body is no JSON object."""

    status: int
    headers: Mapping[str, str]
    data: dict[str, Any] = field(repr=False)

    @property
    def ok(self) -> bool:
        """Whether the request was accepted."""
        return 200 <= self.status < 300

    @property
    def retry_after(self) -> float | None:
        """Seconds the provider asks to wait for, if it does."""
        value = self.headers.get("retry-after", "")
        try:
            return max(0.0, float(value))
        except ValueError:
            return _seconds_until(value)

    def refusal(self, said: str = "") -> EngineFailed:
        """What a status that is not 2xx means where the provider's own words tell nothing else."""
        message = f"HTTP {self.status} {said}".rstrip()
        if self.status in (401, 402, 403):
            return EngineUnusable(message)
        if self.status in (408, 425, 429) or self.status >= 500:
            return TryAgain(message, self.retry_after)
        return EngineFailed(message)


class ProviderHttp:
    """One provider's connections. Keys go with each request to the API, and never to where results are."""

    def __init__(
        self,
        base_url: str,
        *,
        https_only: bool = True,
        most_bytes: int = MOST_BYTES,
        client: httpx.AsyncClient | None = None,
    ) -> None:
        """`https_only` refuses results at any but public HTTPS hosts."""
        self.base_url = base_url.rstrip("/")
        self._https_only = https_only
        self._most_bytes = most_bytes
        self._client = client or httpx.AsyncClient(timeout=_TIMEOUT)

    async def json(self, method: str, path: str, headers: Mapping[str, str], body: Any = None) -> Answer:
        """Asks the API; `path` may be an absolute URL below the base. Raises TryAgain, EngineFailed."""
        url = path if "://" in path else self.base_url + path
        if not _same_origin(url, self.base_url):
            raise EngineFailed("the provider names an address that is not its own")
        try:
            with telemetry.request(method, url, telemetry.template(url)) as answered:
                async with self._client.stream(method, url, headers=dict(headers), json=body) as answer:
                    answered(answer.status_code)
                    raw = await self._read(answer)
        except httpx.HTTPError as error:
            raise TryAgain(f"no answer: {error!r}") from error
        data = _object(raw)
        if data is None and answer.is_success:
            raise TryAgain("the answer is not JSON")
        return Answer(answer.status_code, answer.headers, data or {})

    async def download(self, url: str) -> bytes:
        """The bytes of a result, from a URL or a data URI. Raises TryAgain, EngineFailed."""
        if url.startswith("data:"):
            return _from_data_uri(url, self._most_bytes)
        for _ in range(1 + _REDIRECTS):
            self._check(url)
            try:
                async with self._fetched(url) as answer:
                    if answer.next_request is None:
                        return await self._result(answer)
                    url = str(answer.next_request.url)
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                raise TryAgain(f"the result did not arrive: {error!r}") from error
        raise EngineFailed("the result is redirected too often")

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.aclose()

    @asynccontextmanager
    async def _fetched(self, url: str) -> AsyncIterator[httpx.Response]:
        with telemetry.request("GET", url) as answered:
            async with self._client.stream("GET", url) as answer:
                answered(answer.status_code)
                yield answer

    async def _result(self, answer: httpx.Response) -> bytes:
        if answer.is_success:
            return await self._read(answer)
        # Not the API's own answer: a 403 here says nothing about our key.
        if answer.status_code in (408, 425, 429) or answer.status_code >= 500:
            raise TryAgain(f"the result's host answers {answer.status_code}")
        raise EngineFailed(f"the result's host answers {answer.status_code}")

    async def _read(self, answer: httpx.Response) -> bytes:
        parts: list[bytes] = []
        size = 0
        async for part in answer.aiter_bytes():
            size += len(part)
            if size > self._most_bytes:
                raise EngineFailed(f"the answer has more than {self._most_bytes} bytes")
            parts.append(part)
        return b"".join(parts)

    def _check(self, url: str) -> None:
        """Results come from the provider's word: it must not make us read from our own network."""
        parts = _split(url)
        host = parts.hostname or ""
        allowed = ("https",) if self._https_only else ("https", "http")
        if parts.scheme not in allowed or not host:
            raise EngineFailed(f"the result is at a {parts.scheme or 'relative'} address")
        if self._https_only and (_is_address(host) or "." not in host):
            raise EngineFailed("the result is at a host that is not public")


def data_uri(jpeg: bytes) -> str:
    """A picture inside the request, so that users' photos need no public address."""
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()


def _from_data_uri(uri: str, most_bytes: int) -> bytes:
    head, _, body = uri.partition(",")
    if not head.endswith(";base64"):
        raise EngineFailed("the result is a data URI of an unknown kind")
    return decoded(body, most_bytes)


def decoded(text: str, most_bytes: int = MOST_BYTES) -> bytes:
    """The bytes of base64. Raises EngineFailed."""
    if len(text) * 3 // 4 > most_bytes:
        raise EngineFailed(f"the result has more than {most_bytes} bytes")
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise EngineFailed("the result is not base64") from error


def _object(raw: bytes) -> dict[str, Any] | None:
    try:
        data = json.loads(raw)
    except ValueError:
        return None
    return data if isinstance(data, dict) else None


def _seconds_until(http_date: str) -> float | None:
    try:
        moment = parsedate_to_datetime(http_date)
    except ValueError:
        return None
    return max(0.0, (moment.astimezone(UTC) - datetime.now(UTC)).total_seconds())


def _same_origin(url: str, base: str) -> bool:
    mine, theirs = _split(base), _split(url)
    return (mine.scheme, mine.netloc) == (theirs.scheme, theirs.netloc)


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError as error:
        raise EngineFailed("the provider names an address that is none") from error


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
