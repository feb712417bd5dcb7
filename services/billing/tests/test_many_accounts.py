"""32 clients at once, on one account and on many: nothing is lost, nobody waits for ever."""

import asyncio
import random
from datetime import timedelta

import pytest

from services.billing.errors import InsufficientCredits
from services.billing.ledger import Ledger
from services.kit.database import Database
from services.kit.errors import ServiceError
from services.kit.ids import new_id

MINUTE = timedelta(minutes=1)
CLIENTS = 32


@pytest.mark.parametrize("accounts", [1, 20])
async def test_what_32_clients_spend_is_what_is_gone(database: Database, accounts: int) -> None:
    replicas = [Ledger(database, 5) for _ in range(4)]
    users = [new_id() for _ in range(accounts)]
    references = {user: new_id() for user in users}
    for user in users:
        await replicas[0].grant(user, "purchase", references[user], 95)
    spent = dict.fromkeys(users, 0)

    async def client(number: int) -> None:
        chance, ledger = random.Random(number), replicas[number % 4]  # noqa: S311 - the same each time
        for _ in range(5):
            user, hold_id = chance.choice(users), new_id()
            await ledger.hold(user, hold_id, 3, MINUTE)
            match chance.randrange(3):
                case 0:
                    await ledger.release(user, hold_id)
                case 1:
                    await ledger.capture(user, hold_id, 2)
                    spent[user] += 2
                case _:
                    await ledger.capture(user, hold_id)
                    spent[user] += 3

    async with asyncio.timeout(60):
        if accounts == 1:
            await replicas[0].grant(users[0], "purchase", new_id(), 400)
        await asyncio.gather(*(client(number) for number in range(CLIENTS)))
    total = 500 if accounts == 1 else 100
    for user in users:
        standing = await replicas[0].standing(user)
        assert (standing.credits, standing.held) == (total - spent[user], 0)


async def test_claw_backs_among_holds_on_many_accounts_leave_books_that_balance(database: Database) -> None:
    ledger, users = Ledger(database, 5), [new_id() for _ in range(8)]
    references = {user: new_id() for user in users}
    for user in users:
        await ledger.grant(user, "purchase", references[user], 10)

    async def client(number: int) -> None:
        chance = random.Random(number)  # noqa: S311 - the same each time
        for _ in range(4):
            user = chance.choice(users)
            hold_id = new_id()
            try:
                await ledger.hold(user, hold_id, 2, MINUTE)
                await ledger.revoke(user, "purchase", references[user], chance.randint(0, 10))
                await (ledger.capture if chance.random() < 0.5 else ledger.release)(user, hold_id)
            except InsufficientCredits:
                await ledger.grant(user, "promotion", new_id(), 2)

    async with asyncio.timeout(60):
        await asyncio.gather(*(client(number) for number in range(CLIENTS)))


async def test_one_refused_call_refuses_no_other_of_its_batch(ledger: Ledger) -> None:
    rich, poor = new_id(), new_id()
    await ledger.grant(rich, "purchase", new_id(), 100)
    await ledger.standing(poor)

    async def hold(user: str) -> bool:
        try:
            await ledger.hold(user, new_id(), 6, MINUTE)
        except ServiceError:
            return False
        return True

    outcomes = await asyncio.gather(*(hold(user) for user in [rich, poor] * 8))
    assert outcomes == [True, False] * 8


async def test_who_waits_for_an_account_that_somebody_else_has_keeps_nobody_else_waiting(
    ledger: Ledger, database: Database
) -> None:
    taken, free = new_id(), new_id()
    for user in (taken, free):
        await ledger.standing(user)
    async with asyncio.timeout(60):
        async with ledger.locked(taken):
            stuck = asyncio.create_task(ledger.hold(taken, new_id(), 1, MINUTE))
            await asyncio.sleep(0)
            assert await asyncio.gather(*(ledger.hold(free, new_id(), 1, MINUTE) for _ in range(3))) == [4, 3, 2]
            assert not stuck.done()
        assert await stuck == 4


async def test_a_call_whose_caller_has_gone_away_is_not_made(ledger: Ledger, user: str) -> None:
    await ledger.standing(user)
    async with ledger.locked(user):
        first = asyncio.create_task(ledger.hold(user, new_id(), 1, MINUTE))
        await asyncio.sleep(0)
        gone = asyncio.create_task(ledger.hold(user, new_id(), 2, MINUTE))
        await asyncio.sleep(0)
        gone.cancel()
    assert await first == 4
    assert (await ledger.standing(user)).held == 1
