"""Stripe's events: verified, kept once, then acted on."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import text

from services.billing.errors import SignatureInvalid
from services.billing.tests.shop import Shop
from services.billing.tests.stripe_sandbox import WEBHOOK_SECRET, signed
from services.billing.webhooks import PROCESS_TASK
from services.kit.ids import new_id
from services.kit.tasks import Payload, TaskRunner
from services.kit.tests.waiting import eventually


def event(event_type: str = "invoice.paid", subject: object = None) -> dict[str, object]:
    """A hand-made event, of something that Stripe does not have unless a subject is given."""
    return {"id": f"evt_{new_id()}", "type": event_type, "data": {"object": subject or {"id": "unknown"}}}


@asynccontextmanager
async def working(shop: Shop) -> AsyncIterator[None]:
    """Events are taken when they come, and acted on by a worker."""
    async with shop.database.transaction() as connection:
        await connection.execute(text("DELETE FROM pgqueuer"))  # what other tests have left
    runner, stop = TaskRunner(shop.database.url), asyncio.Event()

    async def process(payload: Payload) -> None:
        await shop.webhooks.process(payload["event_id"])

    runner.task(PROCESS_TASK, process)
    shop.sandbox.receive = shop.webhooks.receive
    work = asyncio.create_task(runner.run(stop))
    try:
        yield
    finally:
        stop.set()
        await work


async def test_an_event_is_kept_as_it_was_sent(shop: Shop) -> None:
    sent = event()
    await shop.webhooks.receive(*signed(sent))
    kept = await shop.event(str(sent["id"]))
    assert kept is not None
    assert (kept.type, kept.payload, kept.processed_at) == ("invoice.paid", sent, None)


async def test_an_event_sent_again_is_kept_and_acted_on_once(shop: Shop) -> None:
    sent, before = event(), await shop.events()
    for _ in range(3):
        await shop.webhooks.receive(*signed(sent))
    await asyncio.gather(*(shop.webhooks.receive(*signed(sent)) for _ in range(8)))
    assert await shop.events() == before + 1
    async with shop.database.read() as connection:
        tasks = text("SELECT count(*) FROM pgqueuer WHERE entrypoint = :task AND convert_from(payload, 'utf8') ~ :id")
        found = await connection.execute(tasks, {"task": PROCESS_TASK, "id": sent["id"]})
        assert found.scalar_one() == 1


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "nonsense",
        "t=1",
        "t=,v1=",
        "v1=abc",
        "t={now},v1=" + "0" * 64,
        "t={now},v1=é",
        f"t={10**100},v1={'0' * 64}",
    ],
)
async def test_an_event_without_a_right_signature_is_refused(shop: Shop, signature: str) -> None:
    before = await shop.events()
    with pytest.raises(SignatureInvalid, match="Webhook signature verification failed"):
        await shop.webhooks.receive(signed(event())[0], signature.replace("{now}", str(int(time.time()))))
    assert await shop.events() == before


async def test_an_event_signed_with_another_secret_is_refused(shop: Shop) -> None:
    with pytest.raises(SignatureInvalid):
        await shop.webhooks.receive(*signed(event(), secret="whsec_other"))


async def test_a_body_changed_after_it_was_signed_is_refused(shop: Shop) -> None:
    body, signature = signed(event())
    with pytest.raises(SignatureInvalid):
        await shop.webhooks.receive(body + b" ", signature)


@pytest.mark.parametrize("seconds", [-301, 310])
async def test_an_event_signed_long_ago_or_in_the_future_is_refused(shop: Shop, seconds: int) -> None:
    before = await shop.events()
    with pytest.raises(SignatureInvalid):
        await shop.webhooks.receive(*signed(event(), at=int(time.time()) + seconds))
    assert await shop.events() == before


@pytest.mark.parametrize("seconds", [-290, 290])
async def test_clocks_may_differ_by_less_than_five_minutes(shop: Shop, seconds: int) -> None:
    before = await shop.events()
    await shop.webhooks.receive(*signed(event(), at=int(time.time()) + seconds))
    assert await shop.events() == before + 1


async def test_a_second_signature_of_a_rolled_secret_does_no_harm(shop: Shop) -> None:
    body, signature = signed(event())
    before = await shop.events()
    await shop.webhooks.receive(body, signature.replace(",v1=", f",v1={'0' * 64},v1="))
    assert await shop.events() == before + 1


@pytest.mark.parametrize("body", ["", "nonsense", "[]", "{}", '{"id": 1, "type": "x"}', '{"id": "evt_1"}', "null"])
async def test_a_signed_body_that_is_no_event_is_refused(shop: Shop, body: str) -> None:
    before = await shop.events()
    with pytest.raises(SignatureInvalid):
        await shop.webhooks.receive(*signed(body, WEBHOOK_SECRET))
    assert await shop.events() == before


async def test_a_body_that_is_not_text_is_refused(shop: Shop) -> None:
    with pytest.raises(SignatureInvalid):
        await shop.webhooks.receive(b"\xff\xfe", signed(event())[1])


@pytest.mark.parametrize(
    "sent",
    [
        event("invoice.paid", {"id": "in_unknown"}),
        event("invoice.paid", {"object": "invoice"}),
        event("checkout.session.completed", {"id": "cs_unknown"}),
        event("checkout.session.completed", {"id": "cs_unknown", "metadata": {"checkout_id": "unknown"}}),
        event("checkout.session.completed", {"metadata": {"checkout_id": "unknown"}}),
        event("checkout.session.async_payment_failed", {"id": "cs_unknown", "metadata": {"checkout_id": "unknown"}}),
        event("customer.subscription.deleted", {"id": "sub_unknown", "metadata": {"checkout_id": "unknown"}}),
        event("customer.created", {"id": "cus_unknown"}),
        {"id": f"evt_{new_id()}", "type": "invoice.paid", "data": None},
        {"id": f"evt_{new_id()}", "type": "invoice.paid"},
    ],
)
async def test_an_event_about_what_we_do_not_know_is_kept_and_changes_nothing(
    shop: Shop, user: str, sent: dict[str, object]
) -> None:
    await shop.ledger.standing(user)
    await shop.webhooks.receive(*signed(sent))
    await shop.webhooks.process(str(sent["id"]))
    kept = await shop.event(str(sent["id"]))
    assert kept is not None
    assert kept.processed_at is not None
    assert await shop.stand(user) == (5, "free")


async def test_an_event_of_another_environment_is_kept_and_changes_nothing(shop: Shop, user: str) -> None:
    page = await shop.checkouts.begin(user, "credits", "small", "")
    metadata = {"checkout_id": (await shop.checkout(page.session_id)).id}
    for subject in ("cs_live_1", page.session_id):
        paid = {"id": subject, "object": "checkout.session", "payment_status": "paid", "metadata": metadata}
        sent = event("checkout.session.completed", paid) | {"livemode": True}
        await shop.webhooks.receive(*signed(sent))
        await shop.webhooks.process(str(sent["id"]))
    assert await shop.stand(user) == (5, "free")


async def test_names_and_addresses_are_not_kept(shop: Shop) -> None:
    details = {"email": "ann@example.com", "name": "Ann", "address": {"city": "Ghent"}}
    subject = {"id": "cs_1", "object": "checkout.session", "customer_details": details, "amount_total": 499}
    sent = event("checkout.session.completed", subject)
    await shop.webhooks.receive(*signed(sent))
    kept = await shop.event(str(sent["id"]))
    assert kept is not None
    assert kept.payload["data"]["object"] == {"id": "cs_1", "object": "checkout.session", "amount_total": 499}


async def test_a_purchase_gives_its_credits_soon_after_it_is_paid(shop: Shop, user: str) -> None:
    async with working(shop):
        page = await shop.buy(user)

        async def granted() -> bool:
            return await shop.stand(user) == (15, "free")

        await eventually(granted, "the credits")
    assert (await shop.checkout(page.session_id)).status == "completed"


async def test_a_payment_that_fails_later_is_written_down(shop: Shop, user: str) -> None:
    await shop.sandbox.knobs(async_outcome="fails", async_settle_ms=0)
    async with working(shop):
        page = await shop.buy(user, action="async")

        async def failed() -> bool:
            checkout = await shop.checkout(page.session_id)
            return str(checkout.status) == "failed"

        await eventually(failed, "the failure")
    assert await shop.stand(user) == (5, "free")


async def test_events_repeated_and_backwards_end_in_the_same_state(shop: Shop) -> None:
    await shop.sandbox.knobs(async_settle_ms=0)
    users = [new_id() for _ in range(3)]
    for user in users:
        await shop.buy(user, action="async")
    events = await shop.sandbox.delivered("checkout.session.async_payment_succeeded", 3)
    for order in (events, events[::-1], sorted(events, key=lambda delivery: str(delivery.event["type"]))):
        await shop.act_on(order)
        assert {await shop.stand(user) for user in users} == {(15, "free")}
