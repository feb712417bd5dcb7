"""Stripe's portal, where users change plan and card, cancel, and find invoices. We configure it: nobody has to click.

A dearer plan begins at once, billed as the catalog says; a cheaper one begins when the month is over; whoever cancels
keeps their plan until then.
"""

from typing import Any

from sqlalchemy import Row, select
from sqlmodel import col

from services.billing.catalog import Catalog
from services.billing.customers import Customers
from services.billing.models import Subscription
from services.billing.payments import Payments
from services.billing.sales import PaymentPage, PlanChange, PlanOffer, SoldPlan
from services.billing.subscriptions import ENTITLED
from services.kit.database import Database
from services.kit.ids import new_id


class Portal:
    """Opens the portal."""

    def __init__(self, database: Database, customers: Customers, payments: Payments, catalog: Catalog) -> None:
        self._database = database
        self._customers = customers
        self._payments = payments
        self._catalog = catalog
        self._configuration = ""

    async def open(self, user_id: str) -> str:
        """The address of the user's portal. Raises PaymentsUnavailable, AccountClosed."""
        return (await self._page(user_id, new_id(), None)).url

    async def change(self, user_id: str, plan: str, key: str) -> PaymentPage | None:
        """Where a user who has a plan moves to another, so that nobody pays for two; None for who has none.

        Raises PaymentsUnavailable, AccountClosed, IdempotencyKeyReused.
        """
        running = await self._running(user_id)
        now = await self._payments.subscription(running.id) if running else None
        if now is None or now.status not in ENTITLED:
            return None
        change = None
        if now.plan != plan and now.status != "past_due" and not now.cancels_at_period_end:
            change = PlanChange(now.id, now.item_id, (await self.plans())[plan].price_id)
        return await self._page(user_id, f"{user_id}-{key or new_id()}", change)

    async def plans(self) -> dict[str, SoldPlan]:
        """Every plan that is sold, as Stripe has it."""
        offers = [
            PlanOffer(key, f"Drape {plan.name}, {plan.credits} credits a month", plan.price, self._catalog.currency)
            for key, plan in self._catalog.plans.items()
            if plan.price
        ]
        return await self._payments.plan_prices(offers)

    async def _page(self, user_id: str, key: str, change: PlanChange | None) -> PaymentPage:
        if not self._configuration:
            settings = _settings(await self.plans(), self._catalog.proration)
            self._configuration = await self._payments.portal_configuration(settings)
        try:
            return await self._customers.served(
                user_id, lambda customer: self._payments.create_portal(customer, key, self._configuration, change)
            )
        except BaseException:
            self._configuration = ""  # somebody may have put it out of use
            raise

    async def _running(self, user_id: str) -> Row[Subscription] | None:
        statement = select(Subscription).where(
            col(Subscription.user_id) == user_id, col(Subscription.status).in_(ENTITLED)
        )
        async with self._database.read() as connection:
            return (await connection.execute(statement.order_by(col(Subscription.id)))).first()


def _settings(plans: dict[str, SoldPlan], proration: str) -> dict[str, Any]:
    return {
        "features": {
            "customer_update": {"enabled": True, "allowed_updates": ["email", "name", "address", "tax_id"]},
            "invoice_history": {"enabled": True},
            "payment_method_update": {"enabled": True},
            "subscription_cancel": {"enabled": True, "mode": "at_period_end"},
            "subscription_update": {
                "enabled": True,
                "default_allowed_updates": ["price"],
                "products": [{"product": plan.product_id, "prices": [plan.price_id]} for plan in plans.values()],
                "proration_behavior": proration,
                "schedule_at_period_end": {"conditions": [{"type": "decreasing_item_amount"}]},
            },
        }
    }
