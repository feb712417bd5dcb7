"""Providers' webhooks. One is believed that a run has ended and nothing else: whoever waits for the run looks at once.

What is lost on the way, comes twice or comes too late changes nothing: runs are looked at now and then all the same.
"""

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator, Mapping

from sqlalchemy import text

from services.kit.database import Database
from services.kit.errors import Unavailable
from services.kit.failpoints import Step
from services.tryon.engines.base import TryAgain
from services.tryon.engines.news import News
from services.tryon.engines.signatures import Headers, Sender
from services.tryon.errors import WebhookRefused

log = logging.getLogger(__name__)

CHANNEL = "run_ended"
MAX_BYTES = 8 * 1024 * 1024
"""Replicate's hold the photos that were sent to it."""
_AT_ONCE = 8
"""So many are in memory at most."""

_RUN = re.compile(r"[\w.:-]{1,200}", re.ASCII)
_TELL_WORKERS = text("SELECT pg_notify(:channel, :run)")
_TELL = Step("webhooks.tell")


class Webhooks:
    """Takes what providers say and tells the workers, in whichever process they are."""

    def __init__(self, database: Database, senders: Mapping[str, Sender]) -> None:
        """`senders` are those that are listened to, by their engine's name."""
        self._database = database
        self._senders = senders
        # Strangers may send as much as providers, before it shows that they are strangers.
        self._room = asyncio.Semaphore(_AT_ONCE)

    async def receive(self, engine: str, headers: Headers, body: AsyncIterator[bytes]) -> None:
        """Tells whoever waits for the run that it is about. Raises WebhookRefused, Unavailable."""
        sender = self._senders.get(engine)
        if sender is None or not sender.is_fresh(headers):
            raise _refused()
        async with self._room:
            run = await _verified(sender, headers, await _whole(body))
        async with _TELL, self._database.statement() as connection:
            await connection.execute(_TELL_WORKERS, {"channel": CHANNEL, "run": News.about(engine, run)})


async def _verified(sender: Sender, headers: Headers, raw: bytes) -> str:
    """The id of the run that the provider says has ended. Raises WebhookRefused, Unavailable."""
    try:
        if not await sender.is_signed(headers, raw):
            raise _refused()
    except TryAgain as error:
        log.warning("a webhook cannot be verified", extra={"error": str(error)})
        raise Unavailable("The service is not available right now. Please try again later.") from error
    return _run_of(sender, raw)


def _run_of(sender: Sender, raw: bytes) -> str:
    try:
        data = json.loads(raw)
    except ValueError as error:
        raise _refused() from error
    run = data.get(sender.run_field) if isinstance(data, dict) else None
    if not isinstance(run, str) or not _RUN.fullmatch(run):
        raise _refused()
    return run


async def _whole(body: AsyncIterator[bytes]) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in body:
        size += len(part)
        if size > MAX_BYTES:
            raise _refused()
        parts.append(part)
    return b"".join(parts)


def _refused() -> WebhookRefused:
    return WebhookRefused("Webhook signature verification failed")
