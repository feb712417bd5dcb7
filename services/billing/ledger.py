"""The ledger: credits come in as grants, are set aside by holds and spent by captures.

Two-phase as in TigerBeetle's pending transfers. Every change locks the account's row first, so changes of one
account stand in line and there is one order of locks. After any of them: the entries add up to `available`,
which is what is left of all grants, and `held` is the sum of the open holds.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Row, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import col

from services.billing.errors import (
    AccountClosed,
    HoldAlreadyCaptured,
    HoldAlreadyReleased,
    HoldExpired,
    HoldMismatch,
    HoldNotFound,
    InsufficientCredits,
)
from services.billing.models import Account, Entry, Grant, Hold
from services.kit.database import Database
from services.kit.errors import ServiceError
from services.kit.ids import new_id

# Credits that end, or that cost nothing, are spent before those that were paid for.
PRIORITY = {"promotion": 10, "signup": 20, "subscription": 30, "purchase": 40, "adjustment": 50}


@dataclass(frozen=True)
class Standing:
    """What a user has. `grants` are those with something left, in spending order."""

    credits: int
    held: int
    plan: str
    grants: Sequence[Row[Grant]]


class LockedAccount:
    """An account whose row this transaction has locked, and the changes that can be made to it."""

    def __init__(self, connection: AsyncConnection, row: Row[Account], now: datetime) -> None:
        self.user_id: str = row.user_id
        self.available: int = row.available
        self.held: int = row.held
        self.closed: bool = row.closed_at is not None
        self._connection = connection
        self._now = now

    async def grant(self, source: str, reference: str, amount: int, expires_at: datetime | None = None) -> bool:
        """Adds credits; False when that source and reference were granted before, or the account is closed."""
        if self.closed:
            return False
        grant_id = new_id()
        row = {
            "id": grant_id,
            "user_id": self.user_id,
            "source": source,
            "reference": reference,
            "amount": amount,
            "remaining": amount,
            "priority": PRIORITY[source],
            "created_at": self._now,
            "expires_at": expires_at,
        }
        inserted = await self._connection.execute(
            upsert(Grant).values(row).on_conflict_do_nothing().returning(col(Grant.id))
        )
        if inserted.first() is None:
            return False
        await self._change("grant", amount, grant_id=grant_id)
        return True

    async def hold(self, hold_id: str, amount: int, expires_at: datetime) -> None:
        """Sets credits aside. Raises InsufficientCredits."""
        if self.available < amount:
            raise InsufficientCredits(
                "Insufficient credits. Please purchase more credits.", credits=self.available, required=amount
            )
        parts: list[list[Any]] = []
        missing = amount
        for grant in await spendable_grants(self._connection, self.user_id):
            taken = min(missing, grant.remaining)
            await self._take(grant.id, taken)
            parts.append([grant.id, taken])
            missing -= taken
            if not missing:
                break
        await self.add_hold(hold_id, amount, "open", parts, expires_at)
        await self._change("hold", -amount, held=amount, hold_id=hold_id)

    async def add_hold(
        self, hold_id: str, amount: int, state: str, parts: list[list[Any]], expires_at: datetime
    ) -> None:
        """Writes a hold's row and nothing else."""
        row = {
            "id": hold_id,
            "user_id": self.user_id,
            "amount": amount,
            "state": state,
            "parts": parts,
            "created_at": self._now,
            "expires_at": expires_at,
        }
        await self._connection.execute(insert(Hold).values(row))

    async def capture(self, hold: Row[Hold]) -> None:
        """Spends an open hold."""
        await self._resolve(hold.id, "captured")
        await self._change("capture", 0, held=-hold.amount, hold_id=hold.id)

    async def release(self, hold: Row[Hold], state: str = "released") -> None:
        """Gives an open hold's credits back to the grants they came from."""
        await self._resolve(hold.id, state)
        for grant_id, taken in hold.parts:
            await self._take(grant_id, -taken)
        await self._change("release", hold.amount, held=-hold.amount, hold_id=hold.id)

    async def expire(self) -> None:
        """Releases holds and ends grants whose time is over; a closed account's grants are all over."""
        due_holds = select(Hold).where(
            col(Hold.user_id) == self.user_id, col(Hold.state) == "open", col(Hold.expires_at) <= self._now
        )
        for hold in (await self._connection.execute(due_holds)).all():
            await self.release(hold, "expired")
        due_grants = select(Grant).where(col(Grant.user_id) == self.user_id, col(Grant.remaining) > 0)
        if not self.closed:
            due_grants = due_grants.where(col(Grant.expires_at) <= self._now)
        for grant in (await self._connection.execute(due_grants)).all():
            await self._take(grant.id, grant.remaining)
            await self._change("expire", -grant.remaining, grant_id=grant.id)

    async def close(self) -> None:
        """Marks the account as deleted; what was left ends."""
        await self._connection.execute(
            update(Account)
            .where(col(Account.user_id) == self.user_id)
            .values(closed_at=self._now, stripe_customer_id=None)
        )
        self.closed = True
        await self.expire()

    async def _resolve(self, hold_id: str, state: str) -> None:
        await self._connection.execute(update(Hold).where(col(Hold.id) == hold_id).values(state=state))

    async def _take(self, grant_id: str, amount: int) -> None:
        await self._connection.execute(
            update(Grant).where(col(Grant.id) == grant_id).values(remaining=col(Grant.remaining) - amount)
        )

    async def _change(
        self,
        kind: str,
        amount: int,
        *,
        held: int = 0,
        grant_id: str | None = None,
        hold_id: str | None = None,
    ) -> None:
        self.available += amount
        self.held += held
        entry = {
            "id": new_id(),
            "user_id": self.user_id,
            "kind": kind,
            "amount": amount,
            "grant_id": grant_id,
            "hold_id": hold_id,
            "created_at": self._now,
        }
        await self._connection.execute(insert(Entry).values(entry))
        await self._connection.execute(
            update(Account).where(col(Account.user_id) == self.user_id).values(available=self.available, held=self.held)
        )


class Ledger:
    """The use cases of the ledger. Each is one transaction and safe to repeat."""

    def __init__(self, database: Database, signup_credits: int) -> None:
        self._database = database
        self._signup_credits = signup_credits

    async def standing(self, user_id: str) -> Standing:
        """What the user has. Opens the account, with the sign-up grant, when there is none."""
        async with self._database.read() as connection:
            found = await connection.execute(select(Account).where(col(Account.user_id) == user_id))
            row = found.first()
            if row is not None and row.held == 0:
                grants = await spendable_grants(connection, user_id)
                if not any(_is_over(grant, datetime.now(UTC)) for grant in grants):
                    return Standing(row.available, row.held, row.plan, grants)
        async with self.locked(user_id) as (connection, account):
            grants = await spendable_grants(connection, user_id)
            plan = (
                await connection.execute(select(col(Account.plan)).where(col(Account.user_id) == user_id))
            ).scalar_one()
            return Standing(account.available, account.held, plan, grants)

    async def grant(
        self, user_id: str, source: str, reference: str, amount: int, expires_at: datetime | None = None
    ) -> bool:
        """Grants credits; False when that source and reference were granted before, or the account is closed."""
        async with self.locked(user_id) as (_, account):
            return await account.grant(source, reference, amount, expires_at)

    async def hold(self, user_id: str, hold_id: str, amount: int, lifetime: timedelta) -> int:
        """Sets credits aside and returns what can still be spent. The same hold again changes nothing.

        Raises InsufficientCredits, AccountClosed, HoldAlreadyReleased, HoldExpired, HoldMismatch.
        """
        async with self.locked(user_id) as (connection, account):
            hold = await _find_hold(connection, user_id, hold_id)
            if hold is None:
                if account.closed:
                    raise AccountClosed("This account was deleted")
                await account.hold(hold_id, amount, datetime.now(UTC) + lifetime)
                return account.available
            if hold.state in ("released", "expired"):
                raise _refusal(hold.state)
            if hold.amount != amount:
                raise HoldMismatch("The hold was made with another amount")
            return account.available

    async def capture(self, user_id: str, hold_id: str) -> int:
        """Spends a hold and returns what can still be spent. Raises HoldNotFound, HoldAlreadyReleased, HoldExpired."""
        async with self.locked(user_id) as (connection, account):
            hold = await _find_hold(connection, user_id, hold_id)
            if hold is None:
                raise HoldNotFound("There is no such hold")
            if hold.state in ("released", "expired"):
                raise _refusal(hold.state)
            if hold.state == "open":
                await account.capture(hold)
            return account.available

    async def release(self, user_id: str, hold_id: str) -> int:
        """Gives a hold back and returns what can be spent. Raises HoldAlreadyCaptured.

        A hold that never was is written down as released, so that a request for it that is still on its way
        finds it so and sets nothing aside.
        """
        async with self.locked(user_id) as (connection, account):
            hold = await _find_hold(connection, user_id, hold_id)
            if hold is None:
                await account.add_hold(hold_id, 0, "released", [], datetime.now(UTC))
            elif hold.state == "captured":
                raise _refusal("captured")
            elif hold.state == "open":
                await account.release(hold)
                # The grants it came from may have ended meanwhile.
                await account.expire()
            return account.available

    async def expire_due(self) -> None:
        """Frees what expired holds keep from accounts that nobody asks about."""
        due = select(col(Hold.user_id)).where(col(Hold.state) == "open", col(Hold.expires_at) <= datetime.now(UTC))
        async with self._database.read() as connection:
            users = set((await connection.execute(due)).scalars())
        for user_id in users:
            async with self.locked(user_id):
                pass

    async def close(self, user_id: str) -> None:
        """Closes the account for good: it grants nothing and holds nothing any more."""
        async with self.locked(user_id, signup=False) as (_, account):
            await account.close()

    @asynccontextmanager
    async def locked(
        self, user_id: str, *, signup: bool = True
    ) -> AsyncIterator[tuple[AsyncConnection, LockedAccount]]:
        """A transaction with the account's row locked and all that was due expired; opens a missing account."""
        now = datetime.now(UTC)
        lock = select(Account).where(col(Account.user_id) == user_id).with_for_update()
        async with self._database.transaction() as connection:
            row = (await connection.execute(lock)).first()
            opened = False
            if row is None:
                opened = await _open(connection, user_id, now)
                row = (await connection.execute(lock)).one()
            account = LockedAccount(connection, row, now)
            if opened and signup:
                await account.grant("signup", user_id, self._signup_credits)
            await account.expire()
            yield connection, account


async def spendable_grants(connection: AsyncConnection, user_id: str) -> Sequence[Row[Grant]]:
    """Grants with something left, in the order they are spent: priority, soonest expiry, oldest."""
    statement = (
        select(Grant)
        .where(col(Grant.user_id) == user_id, col(Grant.remaining) > 0)
        .order_by(col(Grant.priority), col(Grant.expires_at).nulls_last(), col(Grant.id))
    )
    return (await connection.execute(statement)).all()


async def _open(connection: AsyncConnection, user_id: str, now: datetime) -> bool:
    row = {"user_id": user_id, "available": 0, "held": 0, "plan": "free", "created_at": now}
    statement = upsert(Account).values(row).on_conflict_do_nothing().returning(col(Account.user_id))
    return (await connection.execute(statement)).first() is not None


async def _find_hold(connection: AsyncConnection, user_id: str, hold_id: str) -> Row[Hold] | None:
    hold = (await connection.execute(select(Hold).where(col(Hold.id) == hold_id))).first()
    if hold is not None and hold.user_id != user_id:
        raise HoldMismatch("The hold belongs to another account")
    return hold


def _is_over(grant: Row[Grant], now: datetime) -> bool:
    return grant.expires_at is not None and grant.expires_at <= now


def _refusal(state: str) -> ServiceError:
    match state:
        case "released":
            return HoldAlreadyReleased("The hold was given back")
        case "expired":
            return HoldExpired("The hold's time was over")
        case _:
            return HoldAlreadyCaptured("The hold was spent")
