"""All that a purchase takes, and what a person does with it."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Row, func, select
from sqlmodel import col

from services.billing.checkout import Checkouts
from services.billing.ledger import Ledger
from services.billing.models import Checkout, StripeEvent
from services.billing.payments import Payments
from services.billing.sales import PaymentPage
from services.billing.tests.stripe_sandbox import Delivery, StripeSandbox
from services.billing.webhooks import Webhooks
from services.kit.database import Database

FRONTEND = "http://shop.example"


@dataclass(frozen=True)
class Shop:
    """The parts of the billing service that purchases go through."""

    database: Database
    sandbox: StripeSandbox
    ledger: Ledger
    payments: Payments
    checkouts: Checkouts
    webhooks: Webhooks

    async def buy(self, user: str, plan: str = "small", kind: str = "credits", action: str = "pay") -> PaymentPage:
        """Begins a purchase and presses a button of its page."""
        page = await self.checkouts.begin(user, kind, plan, "")
        answer = await self.sandbox.press(page.url, action)
        assert answer.status_code == 303, answer.text
        return page

    async def stand(self, user: str) -> tuple[int, str]:
        """The user's credits and plan."""
        standing = await self.ledger.standing(user)
        return standing.credits, standing.plan

    async def checkout(self, session_id: str) -> Row[Checkout]:
        """What we have written down of a session."""
        async with self.database.read() as connection:
            found = await connection.execute(select(Checkout).where(col(Checkout.session_id) == session_id))
            return found.one()

    async def event(self, event_id: str) -> Row[StripeEvent] | None:
        """A stored event."""
        async with self.database.read() as connection:
            found = await connection.execute(select(StripeEvent).where(col(StripeEvent.id) == event_id))
            return found.first()

    async def events(self) -> int:
        """How many events are stored."""
        async with self.database.read() as connection:
            return int((await connection.execute(select(func.count()).select_from(StripeEvent))).scalar_one())

    async def act_on(self, deliveries: Iterable[Delivery]) -> None:
        """Takes webhooks and acts on each at once, in that order."""
        for delivery in deliveries:
            await self.webhooks.receive(delivery.body, delivery.signature)
            await self.webhooks.process(delivery.event["id"])
