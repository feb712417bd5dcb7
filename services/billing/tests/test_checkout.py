"""Beginning a purchase: a page at Stripe, one for each idempotency key."""

import asyncio

import pytest
from sqlalchemy import text

from services.billing.errors import IdempotencyKeyReused, InvalidIdempotencyKey, InvalidPlan, PaymentsUnavailable
from services.billing.tests.shop import FRONTEND, Shop
from services.kit.ids import new_id


async def test_the_page_sells_the_package_at_its_price(shop: Shop, user: str) -> None:
    page = await shop.checkouts.begin(user, "credits", "small", "")
    session = await shop.sandbox.client.v1.checkout.sessions.retrieve_async(page.session_id)
    assert (session.amount_total, session.currency, session.mode) == (499, "usd", "payment")
    assert "10 credits" in (await shop.sandbox.http.get(page.url)).text


async def test_the_page_sells_the_plan_by_the_month(shop: Shop, user: str) -> None:
    page = await shop.checkouts.begin(user, "subscription", "premium", "")
    session = await shop.sandbox.client.v1.checkout.sessions.retrieve_async(page.session_id)
    assert (session.amount_total, session.mode) == (2999, "subscription")


@pytest.mark.parametrize(("action", "outcome"), [("pay", "success"), ("cancel", "canceled")])
async def test_the_page_returns_to_the_frontend(shop: Shop, user: str, action: str, outcome: str) -> None:
    page = await shop.checkouts.begin(user, "credits", "small", "")
    answer = await shop.sandbox.press(page.url, action)
    assert answer.headers["Location"] == f"{FRONTEND}/billing?{outcome}=true"


async def test_the_same_key_gives_the_same_page(shop: Shop, user: str) -> None:
    key = new_id()
    pages = [await shop.checkouts.begin(user, "credits", "small", key) for _ in range(3)]
    assert len(set(pages)) == 1
    assert await shop.sandbox.sessions() == [pages[0].session_id]


@pytest.mark.parametrize(("kind", "plan"), [("credits", "large"), ("subscription", "basic")])
async def test_the_same_key_with_another_body_is_refused(shop: Shop, user: str, kind: str, plan: str) -> None:
    key = new_id()
    await shop.checkouts.begin(user, "credits", "small", key)
    with pytest.raises(IdempotencyKeyReused):
        await shop.checkouts.begin(user, kind, plan, key)
    assert len(await shop.sandbox.sessions()) == 1


async def test_the_key_of_one_user_says_nothing_of_another(shop: Shop, user: str) -> None:
    key = new_id()
    mine = await shop.checkouts.begin(user, "credits", "small", key)
    theirs = await shop.checkouts.begin(new_id(), "credits", "large", key)
    assert mine.session_id != theirs.session_id


async def test_without_a_key_every_request_is_a_purchase_of_its_own(shop: Shop, user: str) -> None:
    pages = [await shop.checkouts.begin(user, "credits", "small", "") for _ in range(2)]
    assert len({page.session_id for page in pages}) == 2


async def test_a_key_may_have_255_characters_and_no_more(shop: Shop, user: str) -> None:
    assert (await shop.checkouts.begin(user, "credits", "small", "k" * 255)).url
    with pytest.raises(InvalidIdempotencyKey):
        await shop.checkouts.begin(user, "credits", "small", "k" * 256)


@pytest.mark.parametrize(
    ("kind", "plan", "message"),
    [
        ("credits", "huge", "Invalid credit package"),
        ("credits", "basic", "Invalid credit package"),
        ("credits", "", "Invalid credit package"),
        ("subscription", "small", "Invalid subscription plan"),
        ("subscription", "free", "Invalid subscription plan"),
    ],
)
async def test_what_is_not_sold_cannot_be_bought(shop: Shop, user: str, kind: str, plan: str, message: str) -> None:
    with pytest.raises(InvalidPlan, match=message):
        await shop.checkouts.begin(user, kind, plan, "")
    assert await shop.sandbox.sessions() == []


async def test_a_plan_may_be_written_in_capitals(shop: Shop, user: str) -> None:
    page = await shop.checkouts.begin(user, "subscription", "BASIC", "")
    assert (await shop.checkout(page.session_id)).plan == "basic"


async def test_a_user_is_one_customer_however_much_they_buy(shop: Shop, user: str) -> None:
    pages = [await shop.checkouts.begin(user, "credits", plan, "") for plan in ("small", "medium", "large")]
    sessions = shop.sandbox.client.v1.checkout.sessions
    customers = {(await sessions.retrieve_async(page.session_id)).customer for page in pages}
    assert len(customers) == 1
    assert len((await shop.sandbox.client.v1.customers.list_async()).data) == 1


async def test_one_purchase_begun_5_times_at_once_is_one(shop: Shop, user: str) -> None:
    key = new_id()
    begun = await asyncio.gather(*(shop.checkouts.begin(user, "credits", "small", key) for _ in range(5)))
    assert len(set(begun)) == 1
    assert len(await shop.sandbox.sessions()) == 1


async def test_a_purchase_that_stripe_does_not_answer_can_be_begun_again(shop: Shop, user: str) -> None:
    key = new_id()
    await shop.sandbox.knobs(api_error={"status": 503, "count": 3})
    with pytest.raises(PaymentsUnavailable):
        await shop.checkouts.begin(user, "credits", "small", key)
    assert (await shop.checkouts.begin(user, "credits", "small", key)).url
    assert len(await shop.sandbox.sessions()) == 1


async def test_a_page_whose_answer_was_lost_is_not_made_twice(shop: Shop, user: str) -> None:
    await shop.sandbox.knobs(api_error={"status": 503, "count": 1, "after": True, "path": "/v1/checkout"})
    page = await shop.checkouts.begin(user, "credits", "small", "")
    assert await shop.sandbox.sessions() == [page.session_id]


async def test_a_page_that_a_crash_left_unwritten_is_found_again(shop: Shop, user: str) -> None:
    key = new_id()
    page = await shop.checkouts.begin(user, "credits", "small", key)
    async with shop.database.transaction() as connection:
        forget = text("UPDATE checkouts SET session_id = NULL, url = NULL WHERE user_id = :user")
        await connection.execute(forget, {"user": user})
    assert await shop.checkouts.begin(user, "credits", "small", key) == page
    assert await shop.sandbox.sessions() == [page.session_id]
