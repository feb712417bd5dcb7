"""The audit log: who did what, when and from where; no secret, no e-mail."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, insert, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import col

from services.auth.devices import Device
from services.auth.models import AuditEntry
from services.kit.ids import new_id


async def note(
    connection: AsyncConnection,
    event: str,
    user_id: str | None = None,
    session_id: str | None = None,
    device: Device | None = None,
    actor: str = "user",
) -> None:
    """Writes an entry in the transaction of what it tells of. `actor` is user, admin or system."""
    where = device or Device()
    row = {
        "id": new_id(),
        "at": datetime.now(UTC),
        "event": event,
        "actor": actor,
        "user_id": user_id,
        "session_id": session_id,
        "address": where.address[:60],
        "user_agent": where.user_agent[:300],
    }
    await connection.execute(insert(AuditEntry).values(row))


async def forget_places(connection: AsyncConnection, user_id: str) -> None:
    """Takes what points to a person out of the entries of a deleted account: that something was done stays."""
    await connection.execute(
        update(AuditEntry).where(col(AuditEntry.user_id) == user_id).values(address="", user_agent="")
    )


async def prune(connection: AsyncConnection, keep: timedelta) -> None:
    """Deletes entries older than the retention."""
    await connection.execute(delete(AuditEntry).where(col(AuditEntry.at) < datetime.now(UTC) - keep))
