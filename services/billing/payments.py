"""Stripe, in this service's words. The only file that knows the SDK."""

import json
import time
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import stripe

from services.billing.errors import PaymentsUnavailable, SignatureInvalid

# Stripe's own default, which its SDK keeps to the past only.
TOLERANCE_SECONDS = 300
_RETRIES = 2

T = TypeVar("T")


@dataclass(frozen=True)
class Purchase:
    """What is bought, as Stripe's page shows it. `amount` in minor units."""

    checkout_id: str
    user_id: str
    kind: str
    name: str
    amount: int
    currency: str
    metadata: dict[str, str]


@dataclass(frozen=True)
class PaymentPage:
    """Where the person pays."""

    session_id: str
    url: str


@dataclass(frozen=True)
class SessionState:
    """A checkout session as it stands now."""

    id: str
    status: str
    paid: bool
    checkout_id: str
    payment_id: str | None


@dataclass(frozen=True)
class PaidInvoice:
    """An invoice of a subscription as it stands now."""

    id: str
    paid: bool
    subscription_id: str | None
    period_end: datetime | None


@dataclass(frozen=True)
class SubscriptionState:
    """A subscription as it stands now."""

    id: str
    status: str
    customer_id: str
    user_id: str | None
    plan: str | None


class Payments:
    """Calls Stripe's API with deadlines and idempotency keys. Raises PaymentsUnavailable when it does not answer."""

    def __init__(self, secret_key: str, webhook_secret: str, frontend_url: str, api_base: str, timeout: float) -> None:
        """`api_base` empty is Stripe itself."""
        self._client = stripe.StripeClient(
            secret_key,
            base_addresses={"api": api_base} if api_base else {},
            http_client=stripe.HTTPXClient(timeout=timeout, allow_sync_methods=True),
            max_network_retries=_RETRIES,
        )
        self._webhook_secret = webhook_secret
        self._frontend_url = frontend_url.rstrip("/")

    async def create_customer(self, user_id: str) -> str:
        """The id of the user's customer; the same however often it is asked for."""
        customer = await _answered(
            self._client.v1.customers.create_async(
                {"metadata": {"user_id": user_id}}, {"idempotency_key": f"customer-{user_id}"}
            )
        )
        return customer.id

    async def create_page(self, purchase: Purchase, customer_id: str) -> PaymentPage:
        """A page to pay for the purchase at; the same one however often it is asked for."""
        price: Any = {
            "currency": purchase.currency,
            "unit_amount": purchase.amount,
            "product_data": {"name": purchase.name},
        }
        metadata = {**purchase.metadata, "checkout_id": purchase.checkout_id, "user_id": purchase.user_id}
        params: Any = {
            "customer": customer_id,
            "client_reference_id": purchase.user_id,
            "success_url": f"{self._frontend_url}/billing?success=true",
            "cancel_url": f"{self._frontend_url}/billing?canceled=true",
            "metadata": metadata,
        }
        if purchase.kind == "subscription":
            price["recurring"] = {"interval": "month"}
            params |= {"mode": "subscription", "subscription_data": {"metadata": metadata}}
        else:
            params |= {"mode": "payment", "payment_intent_data": {"metadata": metadata}}
        params["line_items"] = [{"price_data": price, "quantity": 1}]
        session = await _answered(
            self._client.v1.checkout.sessions.create_async(
                params, {"idempotency_key": f"checkout-{purchase.checkout_id}"}
            )
        )
        return PaymentPage(session.id, session.url or "")

    async def session(self, session_id: str) -> SessionState | None:
        """A checkout session as Stripe has it now; None when it has none of that id."""
        found = await _found(self._client.v1.checkout.sessions.retrieve_async(session_id))
        if found is None:
            return None
        payment = found.payment_intent
        return SessionState(
            id=found.id,
            status=found.status or "",
            paid=found.payment_status in ("paid", "no_payment_required"),
            checkout_id=_metadata(found).get("checkout_id", ""),
            payment_id=payment if isinstance(payment, str) or payment is None else payment.id,
        )

    async def invoice(self, invoice_id: str) -> PaidInvoice | None:
        """An invoice as Stripe has it now; None when it has none of that id."""
        found = await _found(self._client.v1.invoices.retrieve_async(invoice_id))
        if found is None:
            return None
        details = found.parent.subscription_details if found.parent else None
        subscription = details.subscription if details else None
        ends = [line.period.end for line in found.lines.data]
        return PaidInvoice(
            id=found.id or invoice_id,
            paid=found.status == "paid",
            subscription_id=subscription if isinstance(subscription, str) or subscription is None else subscription.id,
            period_end=datetime.fromtimestamp(max(ends), UTC) if ends else None,
        )

    async def subscription(self, subscription_id: str) -> SubscriptionState | None:
        """A subscription as Stripe has it now; None when it has none of that id."""
        found = await _found(self._client.v1.subscriptions.retrieve_async(subscription_id))
        return None if found is None else _subscription_state(found)

    async def subscriptions_of(self, customer_id: str) -> list[SubscriptionState]:
        """The customer's subscriptions as they stand now, without those that have ended."""
        found = await _answered(self._client.v1.subscriptions.list_async({"customer": customer_id, "limit": 100}))
        return [_subscription_state(subscription) for subscription in found.data]

    def verified_event(self, body: bytes, signature: str) -> dict[str, Any]:
        """The event in a webhook's body. Raises SignatureInvalid unless Stripe signed it within five minutes."""
        try:
            stripe.WebhookSignature.verify_header(
                body.decode(), signature, self._webhook_secret, tolerance=TOLERANCE_SECONDS
            )
            event = json.loads(body)
            stamps = [int(part[2:]) for part in signature.split(",") if part.startswith("t=")]
        except (stripe.SignatureVerificationError, ValueError, TypeError) as error:  # TypeError: not ASCII
            raise SignatureInvalid("Webhook signature verification failed") from error
        if not stamps or stamps[0] > time.time() + TOLERANCE_SECONDS or not _is_event(event):
            raise SignatureInvalid("Webhook signature verification failed")
        return dict(event)


def _subscription_state(found: stripe.Subscription) -> SubscriptionState:
    customer = found.customer if isinstance(found.customer, str) else found.customer.id
    metadata = _metadata(found)
    return SubscriptionState(found.id, found.status, customer, metadata.get("user_id"), metadata.get("plan"))


def _is_event(event: object) -> bool:
    return isinstance(event, dict) and isinstance(event.get("id"), str) and isinstance(event.get("type"), str)


def _metadata(found: Any) -> dict[str, str]:
    return found.metadata.to_dict() if found.metadata else {}


async def _found(call: Awaitable[T]) -> T | None:
    try:
        return await call
    except stripe.InvalidRequestError as error:
        if error.code == "resource_missing":
            return None
        raise PaymentsUnavailable("Payments are not available right now. Please try again later.") from error
    except stripe.StripeError as error:
        raise PaymentsUnavailable("Payments are not available right now. Please try again later.") from error


async def _answered(call: Awaitable[T]) -> T:
    try:
        return await call
    except stripe.StripeError as error:
        raise PaymentsUnavailable("Payments are not available right now. Please try again later.") from error
