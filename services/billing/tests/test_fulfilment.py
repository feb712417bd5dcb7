"""What a checkout session at Stripe gives: its credits once, when it is paid, and nothing otherwise."""

import asyncio
from typing import Any

from services.billing.tests.shop import Shop
from services.kit.ids import new_id


async def test_a_paid_session_grants_its_credits(shop: Shop, user: str) -> None:
    page = await shop.buy(user, "medium")
    await shop.checkouts.fulfil(page.session_id)
    assert await shop.stand(user) == (30, "free")
    assert (await shop.checkout(page.session_id)).status == "completed"


async def test_a_paid_session_grants_once_however_often_it_is_fulfilled(shop: Shop, user: str) -> None:
    page = await shop.buy(user)
    for _ in range(3):
        await shop.checkouts.fulfil(page.session_id)
    await asyncio.gather(*(shop.checkouts.fulfil(page.session_id) for _ in range(8)))
    assert await shop.stand(user) == (15, "free")


async def test_each_purchase_grants_its_own_credits(shop: Shop, user: str) -> None:
    for page in [await shop.buy(user) for _ in range(2)]:
        await shop.checkouts.fulfil(page.session_id)
    assert await shop.stand(user) == (25, "free")


async def test_a_session_nobody_has_paid_grants_nothing(shop: Shop, user: str) -> None:
    page = await shop.checkouts.begin(user, "credits", "small", "")
    await shop.checkouts.fulfil(page.session_id)
    assert await shop.stand(user) == (5, "free")
    assert (await shop.checkout(page.session_id)).status == "pending"


async def test_a_declined_card_grants_nothing_and_the_next_one_does(shop: Shop, user: str) -> None:
    page = await shop.checkouts.begin(user, "credits", "small", "")
    assert (await shop.sandbox.press(page.url, "decline")).status_code == 402
    await shop.checkouts.fulfil(page.session_id)
    assert await shop.stand(user) == (5, "free")
    await shop.sandbox.press(page.url, "pay")
    await shop.checkouts.fulfil(page.session_id)
    assert await shop.stand(user) == (15, "free")


async def test_a_delayed_payment_grants_when_it_has_come(shop: Shop, user: str) -> None:
    page = await shop.checkouts.begin(user, "credits", "small", "")
    await shop.sandbox.control(f"checkout/{page.session_id}/async", outcome="pending")
    await shop.checkouts.fulfil(page.session_id)
    assert await shop.stand(user) == (5, "free")
    await shop.sandbox.control(f"checkout/{page.session_id}/async", outcome="succeeds")
    await shop.checkouts.fulfil(page.session_id)
    assert await shop.stand(user) == (15, "free")


async def test_a_delayed_payment_that_fails_grants_nothing(shop: Shop, user: str) -> None:
    page = await shop.checkouts.begin(user, "credits", "small", "")
    for outcome in ("pending", "fails"):
        await shop.sandbox.control(f"checkout/{page.session_id}/async", outcome=outcome)
    await shop.checkouts.fail(page.session_id)
    await shop.checkouts.fulfil(page.session_id)
    assert await shop.stand(user) == (5, "free")
    assert (await shop.checkout(page.session_id)).status == "failed"


async def test_a_failure_told_late_takes_nothing_back_from_a_paid_session(shop: Shop, user: str) -> None:
    page = await shop.buy(user)
    await shop.checkouts.fulfil(page.session_id)
    await shop.checkouts.fail(page.session_id)
    assert await shop.stand(user) == (15, "free")
    assert (await shop.checkout(page.session_id)).status == "completed"


async def test_an_expired_session_grants_nothing(shop: Shop, user: str) -> None:
    page = await shop.checkouts.begin(user, "credits", "small", "")
    await shop.sandbox.control(f"checkout/{page.session_id}/expire")
    await shop.checkouts.fulfil(page.session_id)
    assert await shop.stand(user) == (5, "free")
    assert (await shop.checkout(page.session_id)).status == "expired"


async def test_a_session_that_stripe_does_not_have_changes_nothing(shop: Shop, user: str) -> None:
    await shop.checkouts.fulfil("cs_test_unknown")
    await shop.checkouts.fail("cs_test_unknown")
    assert await shop.stand(user) == (5, "free")


async def test_a_paid_session_that_we_did_not_begin_changes_nothing(shop: Shop, user: str) -> None:
    price = {"currency": "usd", "unit_amount": 499, "product_data": {"name": "Something else"}}
    for metadata in ({}, {"checkout_id": new_id(), "user_id": user}):
        params: Any = {
            "mode": "payment",
            "line_items": [{"price_data": price, "quantity": 1}],
            "success_url": "http://shop.example",
            "metadata": metadata,
        }
        session = await shop.sandbox.client.v1.checkout.sessions.create_async(params)
        assert (await shop.sandbox.press(session.url or "", "pay")).status_code == 303
        await shop.checkouts.fulfil(session.id)
        await shop.checkouts.fail(session.id)
    assert await shop.stand(user) == (5, "free")


async def test_a_purchase_of_a_deleted_account_grants_nothing(shop: Shop, user: str) -> None:
    page = await shop.buy(user)
    await shop.ledger.close(user)
    await shop.checkouts.fulfil(page.session_id)
    assert await shop.stand(user) == (0, "free")
