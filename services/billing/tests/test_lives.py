"""However the events of a life come, in any order and repeated, some early and some late, the books end the same."""

import functools
import random

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from services.billing.tests import lives
from services.billing.tests.lives import Life
from services.billing.tests.shop import Shop
from services.billing.tests.stripe_sandbox import Delivery
from services.kit.ids import new_id
from services.kit.tests.waiting import eventually

# Credits, debt and plan at the end of each life, and what the history says of it.
LIVES: dict[str, tuple[Life, tuple[int, int, str], list[tuple[str, int, str]]]] = {
    "purchase": (lives.purchase, (15, 0, "free"), [("credit_purchase", 10, "completed")]),
    "a payment that fails later": (lives.failed_payment, (5, 0, "free"), [("credit_purchase", 10, "failed")]),
    "a payment that comes later": (lives.late_payment, (15, 0, "free"), [("credit_purchase", 10, "completed")]),
    "refund": (lives.refund, (0, 8, "free"), [("credit_purchase", 10, "refunded"), ("spending", -13, "completed")]),
    "partial refund": (
        lives.partial_refund,
        (7, 0, "free"),
        [("credit_purchase", 25, "completed"), ("spending", -13, "completed")],
    ),
    "dispute won": (
        functools.partial(lives.dispute, outcome="won"),
        (2, 0, "free"),
        [("credit_purchase", 10, "completed"), ("spending", -13, "completed")],
    ),
    "dispute lost": (
        functools.partial(lives.dispute, outcome="lost"),
        (0, 8, "free"),
        [("credit_purchase", 10, "refunded"), ("spending", -13, "completed")],
    ),
    # Renewed after 31 days of January, changed a day later: 28 of 29 days of 200 credits instead of 50.
    "subscription": (
        lives.subscription,
        (5 + 50 + 50 + 144, 0, "free"),
        [("subscription", 50, "completed"), ("subscription", 50, "completed"), ("subscription", 144, "completed")],
    ),
}


async def come(shop: Shop) -> list[Delivery]:
    """Every event so far, once all have been delivered."""

    async def all_delivered() -> bool:
        events = (await shop.sandbox.http.get("/_sandbox/events")).json()["data"]
        return len({delivery.event["id"] for delivery in shop.sandbox.deliveries}) == len(events)

    await eventually(all_delivered, "the webhooks")
    return list(shop.sandbox.deliveries)


async def history(shop: Shop, user: str) -> list[tuple[str, int, str]]:
    """Type, credits and status of what the user bought and spent."""
    statement = text("SELECT type, credits, status FROM transactions WHERE user_id = :user ORDER BY 1, 2")
    async with shop.database.read() as connection:
        return [(row.type, row.credits, row.status) for row in await connection.execute(statement, {"user": user})]


@pytest.mark.parametrize("name", LIVES)
@settings(
    max_examples=2,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(seed=st.integers(0, 2**32))
async def test_the_events_of_a_life_may_come_in_any_order_and_repeated(shop: Shop, name: str, seed: int) -> None:
    life, expected, transactions = LIVES[name]
    chance, user = random.Random(seed), new_id()  # noqa: S311 - the same order each time
    await shop.sandbox.reset()
    events: list[Delivery] = []
    async for _ in life(shop, user):
        events = await come(shop)
        await shop.act_on(chance.sample(events, chance.randint(0, min(3, len(events)))))
    await shop.act_on([*chance.sample(events, len(events)), *chance.choices(events, k=len(events) // 2)])
    standing = await shop.ledger.standing(user)
    assert (standing.credits, standing.debt, standing.plan) == expected
    assert await history(shop, user) == sorted(transactions)
