"""The feed of sessions that have ended, for every service to refuse their access tokens."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import bindparam, delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import col

from services.auth.models import RevokedSession
from services.kit.database import Database
from services.kit.revocation import RevokedPage
from services.kit.statements import Statement

# Longer than a transaction may last: one that began before the last look and was committed after it is seen.
_OVERLAP = timedelta(seconds=60)
# Beyond a token's end, for clocks that differ.
_SKEW_SECONDS = 30
# Every copy of every service asks once a second.
_SINCE = Statement(
    select(func.array_agg(col(RevokedSession.session_id)), func.clock_timestamp()).where(
        col(RevokedSession.revoked_at) >= bindparam("begin")
    )
)


class Revocations:
    """Tells which sessions have ended while their access tokens may still be good."""

    def __init__(self, database: Database, token_seconds: int) -> None:
        self._database = database
        self._keep_seconds = token_seconds + _SKEW_SECONDS

    async def since(self, moment: datetime | None) -> RevokedPage:
        """Those that have ended since a moment, or all."""
        oldest = datetime.now(UTC) - timedelta(seconds=self._keep_seconds)
        begin = max(moment, oldest) if moment else oldest
        [(ids, now)] = await self._database.run(_SINCE, begin=begin)
        return RevokedPage(ids or [], now - _OVERLAP, self._keep_seconds)

    async def prune(self, connection: AsyncConnection) -> None:
        """Deletes what nobody needs to know any more."""
        oldest = datetime.now(UTC) - timedelta(seconds=self._keep_seconds) - _OVERLAP
        await connection.execute(delete(RevokedSession).where(col(RevokedSession.revoked_at) < oldest))
