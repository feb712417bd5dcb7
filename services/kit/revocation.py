"""The short list of sessions that have ended before their access tokens expired, kept by every service."""

import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.kit.shared import Shared

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RevokedPage:
    """What the auth service tells: sessions, what to ask for next, how long to keep each in mind."""

    session_ids: Sequence[str]
    next_since: datetime
    keep_seconds: float


RevokedFetcher = Callable[[datetime | None], Awaitable[RevokedPage]]


class RevokedSessions:
    """Asks every second what has ended. While auth is away nothing new can end there, and the known list holds."""

    def __init__(self, fetch: RevokedFetcher) -> None:
        self._fetch = fetch
        self._until: dict[str, float] = {}
        self._since: datetime | None = None
        self.update = Shared(self._update)
        """Asks once, for all who ask at the same time."""

    def __contains__(self, session_id: str) -> bool:
        return session_id in self._until

    async def ready(self) -> None:
        """Returns once the list is known. Raises Unavailable when it cannot be had: no list, no trust."""
        if self._since is None:
            await self.update()

    async def _update(self) -> None:
        page = await self._fetch(self._since)
        now = time.monotonic()
        self._until.update((session_id, now + page.keep_seconds) for session_id in page.session_ids)
        self._until = {session_id: until for session_id, until in self._until.items() if until > now}
        self._since = page.next_since
