"""Tells a client's server what has happened to its pictures."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass

import urllib3

_ATTEMPTS = 3
_TIMEOUT_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Notification:
    """A signed message that is on its way."""

    url: str
    body: str
    timestamp: str
    signature: str

    @property
    def headers(self) -> dict[str, str]:
        """What says who has sent it, and when."""
        return {
            "content-type": "application/json",
            "x-cld-timestamp": self.timestamp,
            "x-cld-signature": self.signature,
        }


async def deliver(notification: Notification) -> None:
    """Posts it, a few times if need be."""
    for attempt in range(_ATTEMPTS):
        with contextlib.suppress(urllib3.exceptions.HTTPError):
            answer = await asyncio.to_thread(
                urllib3.request,
                "POST",
                notification.url,
                body=notification.body.encode(),
                headers=notification.headers,
                timeout=_TIMEOUT_SECONDS,
                retries=False,
            )
            if answer.status < 300:
                return
        await asyncio.sleep(0.5 * 2**attempt)
