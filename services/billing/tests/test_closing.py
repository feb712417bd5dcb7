"""Nothing is billed for a closed account any more, and money that still comes goes back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import text

from services.billing import catalog, closing
from services.billing.subscriptions import Subscriptions
from services.billing.tests.shop import Shop
from services.billing.tests.test_refunds import bought
from services.billing.webhooks import PROCESS_TASK
from services.kit.tasks import Payload, TaskRunner
from services.kit.tests.waiting import eventually


@asynccontextmanager
async def working(shop: Shop) -> AsyncIterator[None]:
    """Events are taken when they come, and tasks are done."""
    async with shop.database.transaction() as connection:
        await connection.execute(text("DELETE FROM pgqueuer"))  # what other tests have left
    runner, stop = TaskRunner(shop.database.url), asyncio.Event()

    async def process(payload: Payload) -> None:
        await shop.webhooks.process(payload["event_id"])

    for name, handler in {PROCESS_TASK: process, **closing.handlers(shop.payments)}.items():
        runner.task(name, handler)
    shop.sandbox.receive = shop.webhooks.receive
    work = asyncio.create_task(runner.run(stop))
    try:
        yield
    finally:
        stop.set()
        await work


async def forget(shop: Shop, user: str) -> None:
    """Deletes the account, as auth has it done."""
    await Subscriptions(shop.database, shop.ledger, shop.payments, catalog.load()).forget(user)


async def refunded(shop: Shop) -> int:
    """How much went back of all payments."""
    return sum(refund.amount for refund in (await shop.sandbox.client.v1.refunds.list_async()).data)


async def test_pages_that_are_open_are_shut(shop: Shop, user: str) -> None:
    async with working(shop):
        page = await shop.checkouts.begin(user, "credits", "small", "")
        await forget(shop, user)

        async def shut() -> bool:
            return (await shop.sandbox.http.get(page.url)).status_code == 410

        await eventually(shut, "the end of the page")
        assert (await shop.sandbox.press(page.url, "pay")).status_code == 410


async def test_a_payment_that_comes_later_goes_back_once(shop: Shop, user: str) -> None:
    page = await shop.checkouts.begin(user, "credits", "small", "")
    await shop.sandbox.control(f"checkout/{page.session_id}/async", outcome="pending")
    async with working(shop):
        await forget(shop, user)
        await shop.sandbox.control(f"checkout/{page.session_id}/async", outcome="succeeds")

        async def back() -> bool:
            return bool((await shop.checkout(page.session_id)).refunded == 499)

        await eventually(back, "the refund")
        for _ in range(3):
            await shop.checkouts.fulfil(page.session_id)
    assert await refunded(shop) == 499
    assert (await shop.ledger.standing(user)).credits == 0


async def test_a_plan_that_is_paid_later_ends_and_its_money_goes_back(shop: Shop, user: str) -> None:
    page = await shop.checkouts.begin(user, "subscription", "basic", "")
    await shop.ledger.standing(user)
    assert (await shop.sandbox.press(page.url, "pay")).status_code == 303
    async with working(shop):
        await shop.ledger.close(user)  # before any event of the plan has come
        for delivery in await shop.sandbox.delivered("invoice.paid"):
            await shop.webhooks.receive(delivery.body, delivery.signature)

        async def back() -> bool:
            return await refunded(shop) == 999

        await eventually(back, "the refund")

        async def ended() -> bool:
            found = await shop.sandbox.client.v1.subscriptions.list_async({"status": "all"})
            return [each.status for each in found.data] == ["canceled"]

        await eventually(ended, "the end of the plan")


@pytest.mark.parametrize("times", [1, 2])
async def test_what_was_bought_before_is_not_given_back(shop: Shop, user: str, times: int) -> None:
    payment = await bought(shop, user)
    async with working(shop):
        await forget(shop, user)
        for _ in range(times):
            await shop.webhooks.settle_payment(payment)
    assert await refunded(shop) == 0
