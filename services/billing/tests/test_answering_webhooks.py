"""A webhook is answered when it is kept; Stripe is asked about it afterwards."""

import asyncio

from services.billing.tests.shop import Shop
from services.billing.tests.stripe_sandbox import signed
from services.kit.ids import new_id


async def test_an_event_is_answered_without_asking_stripe(shop: Shop) -> None:
    await shop.sandbox.knobs(api_delay_ms=60_000)
    event = {"id": f"evt_{new_id()}", "type": "invoice.paid", "data": {"object": {"id": "in_1"}}}
    async with asyncio.timeout(10):
        await shop.webhooks.receive(*signed(event))
    kept = await shop.event(str(event["id"]))
    assert kept is not None
    assert kept.processed_at is None
