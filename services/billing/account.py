"""One account under its lock, and the changes that can be made to it."""

from datetime import datetime

from sqlalchemy import Row, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlmodel import col

from services.billing import metrics
from services.billing.books import Books, Change, split
from services.billing.models import Grant, Hold
from services.kit.ids import new_id

# Credits that end, or that cost nothing, are spent before those that were paid for.
PRIORITY = {"promotion": 10, "signup": 20, "subscription": 30, "purchase": 40, "adjustment": 50}
PAID = ("subscription", "purchase")


class LockedAccount(Books):
    """An account whose row this transaction has locked."""

    async def grant(
        self,
        source: str,
        reference: str,
        amount: int,
        expires_at: datetime | None = None,
        *,
        effective_at: datetime | None = None,
        priority: int | None = None,
    ) -> bool:
        """Adds credits; False when that source and reference were granted before, or the account is closed."""
        if self.closed:
            return False
        begins = effective_at or self.now
        row = {
            "id": new_id(),
            "user_id": self.user_id,
            "source": source,
            "reference": reference,
            "amount": amount,
            "priority": PRIORITY[source] if priority is None else priority,
            "paid": source in PAID,
            "created_at": self.now,
            "effective_at": begins,
            "expires_at": expires_at,
        }
        inserted = await self._connection.execute(
            upsert(Grant).values(row).on_conflict_do_nothing().returning(col(Grant.id))
        )
        if (grant_id := inserted.scalar()) is None:
            return False
        if begins <= self.now:
            await self._enter(grant_id)
        if effective_at or expires_at:
            await self.find_due()
        return True

    async def revoke(self, source: str, reference: str, total: int) -> bool:
        """Makes `total` the credits of a grant whose money went back; False when that changes nothing.

        What was used already becomes a debt, which a lower total makes smaller again. Nothing is taken from
        other grants; those that paid for the debt get back what it no longer needs.
        """
        statement = select(Grant).where(col(Grant.source) == source, col(Grant.reference) == reference)
        grant = (await self._connection.execute(statement)).first()
        if grant is None or grant.user_id != self.user_id:
            return False
        more = min(total, grant.amount) - grant.revoked
        if not more:
            return False
        change = Change()
        await self.shift(change, grant.id, revoked=more)
        await self.record("revoke" if more > 0 else "restore", change, grant_id=grant.id)
        metrics.REVOKED.add(max(0, more))
        await self.expire(force=True)
        return True

    async def add_released(self, hold_id: str) -> bool:
        """Writes down a hold that takes nothing; False when another account has taken the id a moment ago."""
        row = {"id": hold_id, "user_id": self.user_id, "amount": 0, "state": "released", "parts": []}
        times = {"created_at": self.now, "expires_at": self.now}
        statement = upsert(Hold).values(row | times).on_conflict_do_nothing().returning(col(Hold.id))
        return (await self._connection.execute(statement)).first() is not None

    async def capture_part(self, hold: Row[Hold], amount: int) -> None:
        """Spends a part of an open hold, of the grants that come first, and gives the rest back."""
        spent, rest = split(hold.parts, amount)
        change = Change(held=amount - hold.amount)
        for grant_id, credits in rest:
            await self.shift(change, grant_id, used=-credits)
        await self._resolve(hold.id, state="captured", captured=amount)
        if rest:
            await self.record("return", change, hold_id=hold.id)
        # Grants that have ended meanwhile end what came back to them; the capture's balance is what is left then.
        await self.expire(force=True)
        await self.record("capture", Change(held=-amount), hold_id=hold.id, parts=spent)
        metrics.CAPTURED.add(amount)
        metrics.RELEASED.add(hold.amount - amount, {"reason": "captured in part"})

    async def release(self, hold: Row[Hold], state: str = "released") -> None:
        """Gives an open hold's credits back to the grants they came from."""
        change = Change(held=-hold.amount)
        for grant_id, taken in hold.parts:
            await self.shift(change, grant_id, used=-taken)
        await self._resolve(hold.id, state=state)
        await self.record("release", change, hold_id=hold.id)
        metrics.RELEASED.add(hold.amount, {"reason": state})

    async def expire(self, *, force: bool = False) -> None:
        """Lets in grants whose time has come, releases holds and ends grants whose time is over.

        Looks only when something is due, unless forced.
        """
        if not force and (self.due_at is None or self.due_at > self.now):
            return
        if not self.closed:
            await self._enter_due()
        due = select(Hold).where(
            col(Hold.user_id) == self.user_id, col(Hold.state) == "open", col(Hold.expires_at) <= self.now
        )
        for hold in (await self._connection.execute(due.order_by(col(Hold.expires_at), col(Hold.id)))).all():
            await self.release(hold, "expired")
        await self._end_due()
        await self.find_due()

    async def close(self) -> None:
        """Marks the account as deleted; what was left ends."""
        await self.update(closed_at=self.now, stripe_customer_id=None)
        self.closed = True
        await self.expire(force=True)

    async def _enter(self, grant_id: str) -> None:
        """The credits of a grant come in, and pay first what is owed."""
        entered = update(Grant).where(col(Grant.id) == grant_id).values(entered_at=self.now)
        found = await self._connection.execute(entered.returning(col(Grant.remaining), col(Grant.source)))
        left, source = found.one()
        await self.record("grant", Change({grant_id: left}), grant_id=grant_id)
        metrics.GRANTED.add(left, {"source": source})
        if self.debt and left:
            change = Change()
            await self.pay_debts(change, grant_id, left)
            await self.record("repay", change, grant_id=grant_id)

    async def _enter_due(self) -> None:
        waiting = select(Grant).where(
            col(Grant.user_id) == self.user_id, col(Grant.entered_at).is_(None), col(Grant.effective_at) <= self.now
        )
        for grant in (await self._connection.execute(waiting.order_by(col(Grant.effective_at), col(Grant.id)))).all():
            await self._enter(grant.id)

    async def _end_due(self) -> None:
        over = select(Grant).where(col(Grant.user_id) == self.user_id, col(Grant.remaining) > 0)
        if not self.closed:  # a closed account's grants are all over
            over = over.where(col(Grant.expires_at) <= self.now)
        for grant in (await self._connection.execute(over)).all():
            change = Change()
            await self.shift(change, grant.id, expired=grant.remaining)
            await self.record("expire", change, grant_id=grant.id)
            metrics.EXPIRED.add(grant.remaining)

    async def _resolve(self, hold_id: str, **values: str | int) -> None:
        await self._connection.execute(update(Hold).where(col(Hold.id) == hold_id).values(values))
