"""The books of one account under its lock: what is left of grants, what is owed, and the entries that say so.

What is left of a grant follows from three numbers: remaining = amount - used - expired - revoked; so does what is
owed for it: revoked + used - amount; neither is below zero. So a claw-back, a release and their undoing end in the
same state in whichever order they come.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, insert, literal, select, union_all, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import col

from services.billing.models import Account, Debt, Entry, Grant, Hold
from services.kit.ids import new_id

Parts = list[list[Any]]
"""Pairs of a grant's id and credits."""


@dataclass
class Change:
    """What one entry will say: the changes of each grant's rest, of what is held and of what is owed."""

    rests: dict[str, int] = field(default_factory=dict)
    held: int = 0
    debt: int = 0

    @property
    def amount(self) -> int:
        """Change of what can be spent."""
        return sum(self.rests.values())

    @property
    def parts(self) -> Parts:
        """The grants that the entry is about."""
        return [[grant_id, credits] for grant_id, credits in self.rests.items()]


class Books:
    """The rows of one account, which this transaction has locked."""

    def __init__(self, connection: AsyncConnection, row: Row[Account], now: datetime) -> None:
        self.user_id: str = row.user_id
        self.available: int = row.available
        self.held: int = row.held
        self.debt: int = row.debt
        self.plan: str = row.plan
        self.closed: bool = row.closed_at is not None
        self.stripe_revision: int = row.stripe_revision
        self.due_at: datetime | None = row.due_at
        self.now = now
        self._connection = connection

    async def shift(self, change: Change, grant_id: str, *, used: int = 0, expired: int = 0, revoked: int = 0) -> None:
        """Moves credits of a grant from what is left of it, or back; what is owed follows."""
        grant = (await self._connection.execute(select(Grant).where(col(Grant.id) == grant_id))).one()
        used, revoked = grant.used + used, grant.revoked + revoked
        unused = grant.amount - used
        # Of what has expired the revoked credits are the first: they were not used, so nobody owes them.
        expired = min(grant.expired + expired, max(0, unused - revoked))
        values = {"used": used, "expired": expired, "revoked": revoked}
        changed = update(Grant).where(col(Grant.id) == grant_id).values(values).returning(col(Grant.remaining))
        remaining = (await self._connection.execute(changed)).scalar_one()
        change.rests[grant_id] = change.rests.get(grant_id, 0) + remaining - grant.remaining
        await self._owe(change, grant_id, max(0, revoked - unused))

    async def pay_debts(self, change: Change, grant_id: str, credits: int) -> None:
        """Pays the oldest debts out of a grant's credits."""
        statement = select(Debt).where(col(Debt.user_id) == self.user_id, col(Debt.paid) < col(Debt.owed))
        order = (col(Debt.created_at), col(Debt.grant_id))
        for debt in (await self._connection.execute(statement.order_by(*order))).all():
            paid = min(credits, debt.owed - debt.paid)
            if not paid:
                break
            await self._set_debt(debt.grant_id, paid=debt.paid + paid, parts=[*debt.parts, [grant_id, paid]])
            await self.shift(change, grant_id, used=paid)
            change.debt -= paid
            credits -= paid

    async def record(
        self,
        kind: str,
        change: Change,
        *,
        grant_id: str | None = None,
        hold_id: str | None = None,
        parts: Parts | None = None,
    ) -> None:
        """Writes the change down, as an entry and in the account's sums."""
        self.available += change.amount
        self.held += change.held
        self.debt += change.debt
        entry = {
            "id": new_id(),
            "user_id": self.user_id,
            "kind": kind,
            "amount": change.amount,
            "held": change.held,
            "debt": change.debt,
            "balance": self.available,
            "grant_id": grant_id,
            "hold_id": hold_id,
            "parts": change.parts if parts is None else parts,
            "created_at": self.now,
        }
        await self._connection.execute(insert(Entry).values(entry))
        await self.update(available=self.available, held=self.held, debt=self.debt)

    async def update(self, **values: Any) -> None:
        """Changes the account's row."""
        await self._connection.execute(update(Account).where(col(Account.user_id) == self.user_id).values(values))

    async def find_due(self) -> None:
        """Looks up when the next thing begins or ends by itself."""
        ends = select(func.min(col(Grant.expires_at)).label("due")).where(
            col(Grant.user_id) == self.user_id, col(Grant.remaining) > 0
        )
        starts = select(func.min(col(Grant.effective_at))).where(
            col(Grant.user_id) == self.user_id, col(Grant.entered_at).is_(None), literal(not self.closed)
        )
        holds = select(func.min(col(Hold.expires_at))).where(
            col(Hold.user_id) == self.user_id, col(Hold.state) == "open"
        )
        times = union_all(ends, starts, holds).subquery()
        self.due_at = (await self._connection.execute(select(func.min(times.c.due)))).scalar_one()
        await self.update(due_at=self.due_at)

    async def _owe(self, change: Change, grant_id: str, owed: int) -> None:
        """Makes `owed` what is owed for a grant. What was paid beyond it goes back to those that paid last."""
        statement = select(Debt).where(col(Debt.grant_id) == grant_id)
        debt = (await self._connection.execute(statement)).first()
        if debt is None:
            if owed:
                row = {"grant_id": grant_id, "user_id": self.user_id, "owed": owed, "paid": 0, "parts": []}
                await self._connection.execute(insert(Debt).values(row | {"created_at": self.now}))
                change.debt += owed
            return
        paid = min(debt.paid, owed)
        change.debt += (owed - paid) - (debt.owed - debt.paid)
        kept, returned = split(debt.parts, paid)
        await self._set_debt(grant_id, owed=owed, paid=paid, parts=kept)
        for payer, credits in returned:
            await self.shift(change, payer, used=-credits)

    async def _set_debt(self, grant_id: str, **values: Any) -> None:
        await self._connection.execute(update(Debt).where(col(Debt.grant_id) == grant_id).values(values))


def split(parts: Parts, credits: int) -> tuple[Parts, Parts]:
    """The first so many credits of the parts, and the rest."""
    first: Parts = []
    rest: Parts = []
    for grant_id, amount in parts:
        taken = min(amount, credits)
        credits -= taken
        if taken:
            first.append([grant_id, taken])
        if amount > taken:
            rest.append([grant_id, amount - taken])
    return first, rest
