"""Whatever is done to an account in whatever order, the ledger and a simple model of it agree after every step."""

import asyncio
from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import text

from services.billing.account import PAID, PRIORITY
from services.billing.errors import HoldAlreadyCaptured, HoldAlreadyReleased, HoldExpired, InsufficientCredits
from services.billing.ledger import Ledger
from services.billing.tests.model import Model, ModelGrant
from services.kit.database import Database
from services.kit.errors import ServiceError
from services.kit.ids import new_id

T = TypeVar("T")

# In the far future, where nothing that asks the real clock finds anything due.
START = datetime(2200, 1, 1, tzinfo=UTC)
NEVER = datetime.max.replace(tzinfo=UTC)
MINUTES = st.one_of(st.none(), st.integers(1, 30).map(lambda minutes: timedelta(minutes=minutes)))


class Machine(RuleBasedStateMachine):
    """One account, its model and a clock."""

    database: Database
    runner: asyncio.Runner

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.user, self.model = new_id(), Model()
        self.ledger = Ledger(self.database, 0, lambda: self.now)
        self.references: list[tuple[str, str]] = []
        self.ended: dict[str, tuple[str, int]] = {}

    def do(self, call: Awaitable[T]) -> T:
        """Runs a call to its end."""

        async def run() -> T:
            return await call

        return self.runner.run(run())

    def refused(self, call: Awaitable[object]) -> type[ServiceError] | None:
        """The error that the call raised, if it did."""
        try:
            self.do(call)
        except ServiceError as error:
            return type(error)
        return None

    @rule(
        source=st.sampled_from(sorted(PRIORITY)),
        amount=st.integers(1, 12),
        lifetime=MINUTES,
        delay=MINUTES,
        priority=st.one_of(st.none(), st.just(30)),
    )
    def grant(
        self, source: str, amount: int, lifetime: timedelta | None, delay: timedelta | None, priority: int | None
    ) -> None:
        """Credits come in, now or later, for good or for a while."""
        begins = self.now + delay if delay else self.now
        ends = begins + lifetime if lifetime else None
        reference = new_id()
        for first in (True, False):
            granted = self.ledger.grant(
                self.user, source, reference, amount, ends, effective_at=begins, priority=priority
            )
            assert self.do(granted) is first
        order = (
            PRIORITY[source] if priority is None else priority,
            ends or NEVER,
            source in PAID,
            len(self.references),
        )
        self.references.append((source, reference))
        self.model.grants.append(ModelGrant(order, amount, begins, ends or NEVER))
        self.model.look(self.now)

    @rule(amount=st.integers(1, 15), lifetime=st.integers(1, 30))
    def hold(self, amount: int, lifetime: int) -> None:
        """Credits are set aside, if there are enough."""
        hold_id, enough = new_id(), amount <= self.model.available
        call = self.ledger.hold(self.user, hold_id, amount, timedelta(minutes=lifetime))
        assert self.refused(call) is (None if enough else InsufficientCredits)
        if enough:
            parts = [self.model.take() for _ in range(amount)]
            self.model.holds[hold_id] = (parts, self.now + timedelta(minutes=lifetime))

    @precondition(lambda self: self.model.holds)
    @rule(data=st.data())
    def capture(self, data: st.DataObject) -> None:
        """A hold is spent, or a part of it, and then again."""
        hold_id = data.draw(st.sampled_from(sorted(self.model.holds)))
        parts, _ = self.model.holds.pop(hold_id)
        part = data.draw(st.one_of(st.none(), st.integers(1, len(parts))))
        first = self.do(self.ledger.capture(self.user, hold_id, part))
        self.model.give_back(parts[part or len(parts) :], self.now)
        self.model.look(self.now)
        assert first == self.model.available
        assert self.do(self.ledger.capture(self.user, hold_id, part)) == first
        assert self.refused(self.ledger.release(self.user, hold_id)) is HoldAlreadyCaptured

    @precondition(lambda self: self.model.holds)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        """A hold is given back, twice."""
        hold_id = data.draw(st.sampled_from(sorted(self.model.holds)))
        self.model.give_back(self.model.holds.pop(hold_id)[0], self.now)
        self.model.look(self.now)
        for _ in range(2):
            assert self.do(self.ledger.release(self.user, hold_id)) == self.model.available
        assert self.refused(self.ledger.capture(self.user, hold_id)) is HoldAlreadyReleased

    @precondition(lambda self: self.references)
    @rule(data=st.data())
    def revoke(self, data: st.DataObject) -> None:
        """The money of a grant goes back, in part or whole, or comes again."""
        index = data.draw(st.integers(0, len(self.references) - 1))
        grant = self.model.grants[index]
        total = data.draw(st.integers(0, grant.amount))
        self.do(self.ledger.revoke(self.user, *self.references[index], total))
        grant.revoked = total
        self.model.settle(self.now)
        self.model.look(self.now)

    @rule(minutes=st.integers(1, 20))
    def wait(self, minutes: int) -> None:
        """Time passes."""
        self.now += timedelta(minutes=minutes)
        over = [hold_id for hold_id, (_, ends) in self.model.holds.items() if ends <= self.now]
        self.model.look(self.now)
        for hold_id in over:
            assert self.refused(self.ledger.capture(self.user, hold_id)) is HoldExpired

    @invariant()
    def the_ledger_and_the_model_agree(self) -> None:
        """Sums and what is left of each grant."""
        standing = self.do(self.ledger.standing(self.user))
        held = sum(len(parts) for parts, _ in self.model.holds.values())
        assert (standing.credits, standing.held, standing.debt) == (self.model.available, held, self.model.debt)
        left = sorted((grant.order, index) for index, grant in enumerate(self.model.grants) if grant.left)
        expected = [(self.references[index][1], self.model.grants[index].left) for _, index in left]
        assert [(grant.reference, grant.remaining) for grant in standing.grants] == expected


async def commit_without_waiting(url: str) -> None:
    """Spares later connections the wait for the disk: nobody pulls the plug here."""
    database = Database(url, pool=1)
    async with database.transaction() as connection:
        await connection.execute(text("ALTER ROLE CURRENT_USER SET synchronous_commit = off"))
    await database.close()


def test_the_ledger_agrees_with_its_model(database: Database) -> None:
    with asyncio.Runner() as runner:
        runner.run(commit_without_waiting(database.url))
        Machine.runner, Machine.database = runner, Database(database.url, pool=1)
        run_state_machine_as_test(
            Machine,
            settings=settings(
                max_examples=25,
                stateful_step_count=30,
                deadline=None,
                phases=[Phase.generate],  # to shrink takes longer than to read the steps
                suppress_health_check=list(HealthCheck),
            ),
        )
        runner.run(Machine.database.close())
