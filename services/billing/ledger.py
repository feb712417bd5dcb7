"""The ledger: credits come in as grants, are set aside by holds and spent by captures.

Two-phase as in TigerBeetle's pending transfers. Every change locks the account's row first, so changes of one
account stand in line and there is one order of locks. After any of them: the entries add up to `available`,
which is what is left of all grants, `held` is the sum of the open holds, and `debt` of what is owed. The two
that every try-on needs, hold and capture, are functions in the database: one round trip each.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Row, select, text
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import col

from services.billing import metrics
from services.billing.account import LockedAccount
from services.billing.batches import Batches
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
from services.kit.statements import Statement

# The calls come sorted by account, and are made in that order: two batches never wait for each other. Those without
# an amount are captures.
_CALLS = Statement(
    text(
        "SELECT CASE WHEN amount IS NULL THEN capture_hold(caller, hold, now, entry) "
        "ELSE hold_credits(caller, hold, amount, ends, now, entry) END AS outcome "
        "FROM unnest(CAST(:user AS text[]), CAST(:hold AS text[]), CAST(:amount AS int[]), "
        "CAST(:ends AS timestamptz[]), CAST(:now AS timestamptz[]), CAST(:entry AS text[])) "
        "AS call(caller, hold, amount, ends, now, entry)"
    )
)
Call = dict[str, Any]
Outcome = tuple[str, int, int]
"""What became of a call, the balance after it, and the credits it moved: none when it came again."""


@dataclass(frozen=True)
class Standing:
    """What a user has. `grants` are those with something left, in spending order; `debt` is what the next pays."""

    credits: int
    held: int
    plan: str
    grants: Sequence[Row[Grant]]
    debt: int = 0


class Ledger:
    """The use cases of the ledger. Each is one transaction and safe to repeat."""

    def __init__(
        self,
        database: Database,
        signup_credits: int,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._signup_credits = signup_credits
        self._clock = clock
        self._calls: Batches[Call, Outcome] = Batches(self._run)

    async def standing(self, user_id: str) -> Standing:
        """What the user has. Opens the account, with the sign-up grant, when there is none."""
        now = self._clock()
        async with self._database.read() as connection:
            found = await connection.execute(select(Account).where(col(Account.user_id) == user_id))
            row = found.first()
            # One statement sees one moment; two agree only when no change came between them.
            if row is not None and (row.due_at is None or row.due_at > now):
                grants = await spendable_grants(connection, user_id)
                if sum(grant.remaining for grant in grants) == row.available:
                    return Standing(row.available, row.held, row.plan, grants, row.debt)
        async with self.locked(user_id) as (connection, account):
            grants = await spendable_grants(connection, user_id)
            return Standing(account.available, account.held, account.plan, grants, account.debt)

    async def grant(
        self,
        user_id: str,
        source: str,
        reference: str,
        amount: int,
        expires_at: datetime | None = None,
        *,
        effective_at: datetime | None = None,
        priority: int | None = None,
    ) -> bool:
        """Grants credits; False when that source and reference were granted before, or the account is closed.

        They come in at `effective_at`, now by default, and pay first what is owed. `priority` is the source's own
        by default.
        """
        async with self.locked(user_id) as (_, account):
            return await account.grant(
                source, reference, amount, expires_at, effective_at=effective_at, priority=priority
            )

    async def revoke(self, user_id: str, source: str, reference: str, total: int) -> bool:
        """Makes `total` the credits of a grant whose money went back; False when that changes nothing."""
        async with self.locked(user_id) as (_, account):
            return await account.revoke(source, reference, total)

    async def hold(self, user_id: str, hold_id: str, amount: int, lifetime: timedelta) -> int:
        """Sets credits aside and returns what can still be spent. The same hold again gives the first answer.

        Raises InsufficientCredits, AccountClosed, HoldAlreadyReleased, HoldExpired, HoldMismatch.
        """
        now = self._clock()
        values = {"user": user_id, "hold": hold_id, "amount": amount, "ends": now + lifetime}
        outcome, credits, moved = await self._call(values, now)
        if outcome == "insufficient":
            raise InsufficientCredits(
                "Insufficient credits. Please purchase more credits.", credits=credits, required=amount
            )
        metrics.HELD.add(moved)
        return _answer(outcome, credits)

    async def capture(self, user_id: str, hold_id: str, amount: int | None = None) -> int:
        """Spends a hold, or `amount` of it, and returns what can still be spent; the rest goes back.

        The same capture again gives the first answer.
        Raises HoldNotFound, HoldAlreadyReleased, HoldExpired, HoldMismatch; HoldAlreadyCaptured when it was
        captured with another amount.
        """
        now = self._clock()
        if amount is None:
            values = {"user": user_id, "hold": hold_id, "amount": None, "ends": None}
            outcome, credits, moved = await self._call(values, now)
            metrics.CAPTURED.add(moved)
            return _answer(outcome, credits)
        async with self.locked(user_id, now=now) as (connection, account):
            hold = await _find_hold(connection, user_id, hold_id)
            if hold is None:
                raise HoldNotFound("There is no such hold")
            if hold.state == "captured" and hold.captured == amount:
                return await _first_balance(connection, hold_id, "capture")
            if hold.state != "open":
                raise _refusal(hold.state)
            if amount > hold.amount:
                raise HoldMismatch("The hold was made with a smaller amount")
            await account.capture_part(hold, amount)
            return account.available

    async def release(self, user_id: str, hold_id: str) -> int:
        """Gives a hold back and returns what can be spent. Raises HoldAlreadyCaptured, HoldMismatch.

        A hold that never was is written down as released, so that a request for it that is still on its way
        finds it so and sets nothing aside.
        """
        async with self.locked(user_id) as (connection, account):
            hold = await _find_hold(connection, user_id, hold_id)
            if hold is None:
                if not await account.add_released(hold_id):
                    raise _refusal("foreign")
            elif hold.state == "captured":
                raise _refusal("captured")
            elif hold.state == "open":
                await account.release(hold)
                # The grants it came from may have ended meanwhile.
                await account.expire(force=True)
            return account.available

    async def expire_due(self) -> None:
        """Does what is due for accounts that nobody asks about."""
        due = select(col(Account.user_id)).where(col(Account.due_at) <= self._clock()).order_by(col(Account.due_at))
        async with self._database.read() as connection:
            users = (await connection.execute(due)).scalars().all()
        for user_id in users:
            async with self.locked(user_id):
                pass

    async def close(self, user_id: str) -> None:
        """Closes the account for good: it grants nothing and holds nothing any more."""
        async with self.locked(user_id, signup=False) as (_, account):
            await account.close()

    @asynccontextmanager
    async def locked(
        self, user_id: str, *, signup: bool = True, now: datetime | None = None
    ) -> AsyncIterator[tuple[AsyncConnection, LockedAccount]]:
        """A transaction with the account's row locked and all that was due done; opens a missing account."""
        now = now or self._clock()
        lock = select(Account).where(col(Account.user_id) == user_id).with_for_update()
        async with self._database.transaction() as connection:
            row = (await connection.execute(lock)).first()
            opened = False
            if row is None:
                opened = await _open(connection, user_id, now)
                row = (await connection.execute(lock)).one()
            account = LockedAccount(connection, row, now)
            if opened and signup and self._signup_credits:
                await account.grant("signup", user_id, self._signup_credits)
            await account.expire()
            yield connection, account

    async def _call(self, values: Call, now: datetime) -> Outcome:
        """What the database says; the account is opened and brought up to date first where it asks for it."""
        values |= {"now": now, "entry": new_id()}
        answer = await self._calls.call(values)
        while answer[0] == "due":
            async with self.locked(values["user"], now=now):
                pass
            # Something else may have come due between the two.
            values["now"] = now = max(now, self._clock())
            answer = await self._calls.call(values)
        return answer

    async def _run(self, calls: Sequence[Call]) -> Sequence[Outcome]:
        order = sorted(range(len(calls)), key=lambda index: str(calls[index]["user"]))
        columns = {name: [calls[index][name] for index in order] for name in calls[0]}
        rows = await self._database.run(_CALLS, **columns)
        answers: dict[int, Outcome] = dict(zip(order, (row.outcome for row in rows), strict=True))
        return [answers[index] for index in range(len(calls))]


async def spendable_grants(connection: AsyncConnection, user_id: str) -> Sequence[Row[Grant]]:
    """Grants with something left, in the order they are spent: priority, soonest expiry, unpaid first, oldest."""
    statement = (
        select(Grant)
        .where(col(Grant.user_id) == user_id, col(Grant.remaining) > 0)
        .order_by(col(Grant.priority), col(Grant.expires_at).nulls_last(), col(Grant.paid), col(Grant.id))
    )
    return (await connection.execute(statement)).all()


async def _open(connection: AsyncConnection, user_id: str, now: datetime) -> bool:
    row = {"user_id": user_id, "available": 0, "held": 0, "plan": "free", "created_at": now}
    statement = upsert(Account).values(row).on_conflict_do_nothing().returning(col(Account.user_id))
    return (await connection.execute(statement)).first() is not None


async def _find_hold(connection: AsyncConnection, user_id: str, hold_id: str) -> Row[Hold] | None:
    hold = (await connection.execute(select(Hold).where(col(Hold.id) == hold_id))).first()
    if hold is not None and hold.user_id != user_id:
        raise _refusal("foreign")
    return hold


async def _first_balance(connection: AsyncConnection, hold_id: str, kind: str) -> int:
    statement = select(col(Entry.balance)).where(col(Entry.hold_id) == hold_id, col(Entry.kind) == kind)
    return int((await connection.execute(statement)).scalar_one())


def _answer(outcome: str, credits: int) -> int:
    if outcome != "done":
        raise _refusal(outcome)
    return credits


def _refusal(outcome: str) -> ServiceError:
    """The error for a hold's state, or for what a function in the database says of it."""
    match outcome:
        case "released":
            return HoldAlreadyReleased("The hold was given back")
        case "expired":
            return HoldExpired("The hold's time was over")
        case "captured":
            return HoldAlreadyCaptured("The hold was spent")
        case "unknown":
            return HoldNotFound("There is no such hold")
        case "foreign":
            return HoldMismatch("The hold belongs to another account")
        case "mismatch":
            return HoldMismatch("The hold was made with another amount")
        case "closed":
            return AccountClosed("This account was deleted")
    raise AssertionError(outcome)
