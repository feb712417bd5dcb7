"""What happens to purchases and subscriptions over time, each as stages after which events have come."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import text

from services.billing.tests.shop import Shop
from services.kit.ids import new_id
from services.kit.tests.waiting import eventually

Life = Callable[[Shop, str], AsyncIterator[None]]

DAY = 86_400
# Fixed, so that months and what is left of them are the same in every run; its credits end in the far future.
BEGIN = int(datetime(2040, 1, 1, tzinfo=UTC).timestamp())


async def purchase(shop: Shop, user: str) -> AsyncIterator[None]:
    """Credits are bought."""
    await shop.buy(user)
    yield


async def failed_payment(shop: Shop, user: str) -> AsyncIterator[None]:
    """Credits are to be paid later, and are not."""
    page = await shop.checkouts.begin(user, "credits", "small", "")
    for outcome in ("pending", "fails"):
        await shop.sandbox.control(f"checkout/{page.session_id}/async", outcome=outcome)
        yield


async def late_payment(shop: Shop, user: str) -> AsyncIterator[None]:
    """Credits are paid later."""
    page = await shop.checkouts.begin(user, "credits", "small", "")
    for outcome in ("pending", "succeeds"):
        await shop.sandbox.control(f"checkout/{page.session_id}/async", outcome=outcome)
        yield


async def refund(shop: Shop, user: str) -> AsyncIterator[None]:
    """Credits are bought, most of them spent, and the money goes back."""
    payment = await spent(shop, user, "small")
    yield
    await shop.sandbox.client.v1.refunds.create_async({"payment_intent": payment})
    yield


async def partial_refund(shop: Shop, user: str) -> AsyncIterator[None]:
    """The money goes back in two parts."""
    payment = await spent(shop, user, "medium")
    yield
    for amount in (100, 300):
        await shop.sandbox.client.v1.refunds.create_async({"payment_intent": payment, "amount": amount})
        yield


async def dispute(shop: Shop, user: str, outcome: str) -> AsyncIterator[None]:
    """The bank takes the money, and decides."""
    payment = await spent(shop, user, "small")
    charge = (await shop.sandbox.client.v1.charges.list_async({"payment_intent": payment})).data[0]
    yield
    await shop.sandbox.control("dispute", charge=charge.id)
    yield
    found = await shop.sandbox.client.v1.disputes.list_async({"payment_intent": payment})
    await shop.sandbox.control("dispute", dispute=found.data[0].id, outcome=outcome)
    yield


async def subscription(shop: Shop, user: str) -> AsyncIterator[None]:
    """A plan begins, renews, is changed for a dearer one, is cancelled and ends with its month."""
    clock = await clocked_customer(shop, user)
    page = await shop.buy(user, "basic", "subscription")
    yield
    await advance(shop, clock, 32 * DAY)
    yield
    session = await shop.sandbox.client.v1.checkout.sessions.retrieve_async(page.session_id)
    await change_plan(shop, str(session.subscription), "premium")
    yield
    changes: Any = {"cancel_at_period_end": True}
    await shop.sandbox.client.v1.subscriptions.update_async(str(session.subscription), changes)
    yield
    await advance(shop, clock, 32 * DAY)
    yield


async def spent(shop: Shop, user: str, plan: str) -> str:
    """Buys a package, spends the sign-up credits and 8 of its own, and gives the payment's id."""
    page = await shop.buy(user, plan)
    await shop.checkouts.fulfil(page.session_id)
    hold_id = new_id()
    await shop.ledger.hold(user, hold_id, 13, timedelta(minutes=5))
    await shop.ledger.capture(user, hold_id)
    session = await shop.sandbox.client.v1.checkout.sessions.retrieve_async(page.session_id)
    return str(session.payment_intent)


async def change_plan(shop: Shop, subscription_id: str, plan: str) -> None:
    """Moves a subscription to another plan, billing the difference at once, as the portal does."""
    client = shop.sandbox.client.v1
    price = (await client.prices.list_async({"lookup_keys": [f"drape_{plan}_monthly"]})).data[0]
    item = (await client.subscriptions.retrieve_async(subscription_id))["items"].data[0]
    await client.subscriptions.update_async(
        subscription_id,
        {"items": [{"id": item.id, "price": price.id}], "proration_behavior": "always_invoice"},
    )


async def clocked_customer(shop: Shop, user: str) -> str:
    """Makes the user a customer in a time of their own, and gives the clock's id."""
    client = shop.sandbox.client.v1
    clock = await client.test_helpers.test_clocks.create_async({"frozen_time": BEGIN})
    customer = await client.customers.create_async({"test_clock": clock.id})
    await shop.ledger.standing(user)
    async with shop.database.transaction() as connection:
        known = text("UPDATE accounts SET stripe_customer_id = :customer WHERE user_id = :user")
        await connection.execute(known, {"customer": customer.id, "user": user})
    return clock.id


async def advance(shop: Shop, clock: str, seconds: int) -> None:
    """Moves a clock and waits until all that was due is billed."""
    clocks = shop.sandbox.client.v1.test_helpers.test_clocks
    now = (await clocks.retrieve_async(clock)).frozen_time
    await clocks.advance_async(clock, {"frozen_time": now + seconds})

    async def ready() -> bool:
        return (await clocks.retrieve_async(clock)).status == "ready"

    await eventually(ready, "the clock")
