"""Stripe, in this service's words. The only file that knows the SDK."""

import hashlib
import json
import time
from collections.abc import AsyncIterator, Awaitable
from datetime import datetime
from typing import Any, TypeVar

import stripe

from services.billing.errors import IdempotencyKeyReused, PaymentsUnavailable, SignatureInvalid
from services.billing.sales import PaymentPage, PlanChange, PlanOffer, Purchase, SoldPlan
from services.billing.stripe_states import (
    InvoiceState,
    PlanPrice,
    SessionState,
    SubscriptionState,
    id_of,
    read_invoice,
    read_price,
    read_session,
    read_subscription,
    withdrawn,
)
from services.kit import telemetry

# Stripe's own default, which its SDK keeps to the past only.
TOLERANCE_SECONDS = 300
_RETRIES = 2
_PAGE = 100

T = TypeVar("T")


class CustomerGone(PaymentsUnavailable):
    """Somebody has deleted the customer at Stripe."""


class _Http(stripe.HTTPXClient):
    """The SDK's connections; telemetry is told of each request."""

    async def request_async(self, method: str, url: str, *args: Any, **options: Any) -> Any:
        with telemetry.request(method.upper(), url, telemetry.template(url)) as answered:
            answer = await super().request_async(method, url, *args, **options)
            answered(answer[1])
            return answer


class Payments:
    """Calls Stripe's API with deadlines and idempotency keys. Raises PaymentsUnavailable when it does not answer."""

    def __init__(self, secret_key: str, webhook_secret: str, frontend_url: str, api_base: str, timeout: float) -> None:
        """`api_base` empty is Stripe itself."""
        self._client = stripe.StripeClient(
            secret_key,
            base_addresses={"api": api_base} if api_base else {},
            http_client=_Http(timeout=timeout, allow_sync_methods=True),
            max_network_retries=_RETRIES,
        )
        self._webhook_secret = webhook_secret
        self._return_url = f"{frontend_url.rstrip('/')}/billing"

    async def create_customer(self, user_id: str, instead_of: str = "") -> str:
        """The id of the user's customer; the same however often it is asked for, unless `instead_of` is gone."""
        key = f"customer-{user_id}-{instead_of}" if instead_of else f"customer-{user_id}"
        customer = await _answered(
            self._client.v1.customers.create_async({"metadata": {"user_id": user_id}}, {"idempotency_key": key})
        )
        return customer.id

    async def create_page(self, purchase: Purchase, customer_id: str, price_id: str | None = None) -> PaymentPage:
        """A page to pay for the purchase at; the same one however often it is asked for.

        A subscription is to the price `price_id`.
        """
        metadata = {**purchase.metadata, "checkout_id": purchase.checkout_id, "user_id": purchase.user_id}
        params: Any = {
            "customer": customer_id,
            "client_reference_id": purchase.user_id,
            "success_url": f"{self._return_url}?success=true",
            "cancel_url": f"{self._return_url}?canceled=true",
            "metadata": metadata,
        }
        if price_id:
            params |= {"mode": "subscription", "subscription_data": {"metadata": metadata}}
            params["line_items"] = [{"price": price_id, "quantity": 1}]
        else:
            price = {
                "currency": purchase.currency,
                "unit_amount": purchase.amount,
                "product_data": {"name": purchase.name},
            }
            params |= {"mode": "payment", "payment_intent_data": {"metadata": metadata}}
            params["line_items"] = [{"price_data": price, "quantity": 1}]
        session = await _answered(
            self._client.v1.checkout.sessions.create_async(
                params, {"idempotency_key": f"checkout-{purchase.checkout_id}-{customer_id}"}
            )
        )
        return PaymentPage(session.id, session.url or "")

    async def create_portal(
        self, customer_id: str, key: str, configuration: str, change: PlanChange | None = None
    ) -> PaymentPage:
        """A page where the customer changes plan and card, cancels, and finds invoices; or confirms one change.

        Raises IdempotencyKeyReused when the key was used for another page.
        """
        params: Any = {"customer": customer_id, "return_url": self._return_url, "configuration": configuration}
        if change:
            params["flow_data"] = _flow(change, f"{self._return_url}?success=true")
        sessions = self._client.v1.billing_portal.sessions
        try:
            session = await _answered(sessions.create_async(params, {"idempotency_key": f"portal-{key}"}))
        except PaymentsUnavailable as error:
            if isinstance(error.__cause__, stripe.IdempotencyError):
                raise IdempotencyKeyReused("This Idempotency-Key was used for another request") from error
            raise
        return PaymentPage(session.id, session.url)

    async def portal_configuration(self, settings: dict[str, Any]) -> str:
        """The id of the portal's configuration with these settings; ours is changed, or made, if need be.

        What somebody changes of it at Stripe stays until the settings are others.
        """
        marked: Any = settings | {"metadata": {"app": "drape", "settings": _fingerprint(settings)}}
        configurations = self._client.v1.billing_portal.configurations
        retired = ""
        async for found in _pages(configurations, {}):
            metadata = found.metadata.to_dict() if found.metadata else {}
            if metadata.get("app") != "drape":
                continue
            if not found.active:
                retired = retired or found.id
                continue
            if metadata != marked["metadata"]:
                key = f"portal-configuration-{found.id}-{found.updated}-{marked['metadata']['settings']}"
                await _answered(configurations.update_async(found.id, marked, {"idempotency_key": key}))
            return str(found.id)
        key = f"portal-configuration-{marked['metadata']['settings']}-{retired}"
        return (await _answered(configurations.create_async(marked, {"idempotency_key": key}))).id

    async def plan_prices(self, offers: list[PlanOffer]) -> dict[str, SoldPlan]:
        """Each plan's price, by plan; one that Stripe does not have, or has otherwise, is made.

        Subscriptions that run keep the price they have, which still says whose plan it is.
        """
        keys = [offer.lookup_key for offer in offers]
        found = await _answered(self._client.v1.prices.list_async({"lookup_keys": keys, "active": True}))
        present = {price.lookup_key: price for price in found.data}
        prices = {}
        for offer in offers:
            price = present.get(offer.lookup_key)
            if price is None or (price.unit_amount, price.currency) != (offer.amount, offer.currency):
                price = await self._create_price(offer, instead_of=price.id if price else "")
            prices[offer.plan] = SoldPlan(price.id, id_of(price.product) or "")
        return prices

    async def price(self, price_id: str) -> PlanPrice | None:
        """What a price is of; None when it is of no plan of ours."""
        found = await _found(self._client.v1.prices.retrieve_async(price_id))
        return read_price(found) if found else None

    async def session(self, session_id: str) -> SessionState | None:
        """A checkout session as Stripe has it now; None when it has none of that id."""
        found = await _found(self._client.v1.checkout.sessions.retrieve_async(session_id))
        return read_session(found) if found else None

    async def invoice(self, invoice_id: str) -> InvoiceState | None:
        """An invoice as Stripe has it now; None when it has none of that id."""
        found = await _found(self._client.v1.invoices.retrieve_async(invoice_id, {"expand": ["payments"]}))
        return read_invoice(found, invoice_id) if found else None

    async def subscription(self, subscription_id: str) -> SubscriptionState | None:
        """A subscription as Stripe has it now; None when it has none of that id."""
        found = await _found(self._client.v1.subscriptions.retrieve_async(subscription_id))
        return read_subscription(found) if found else None

    async def withdrawn(self, payment_id: str | None) -> int:
        """How much of a payment went back, by refund or dispute, in minor units."""
        if payment_id is None:
            return 0
        refunds = await _answered(self._client.v1.refunds.list_async({"payment_intent": payment_id, "limit": _PAGE}))
        disputes = await _answered(self._client.v1.disputes.list_async({"payment_intent": payment_id, "limit": _PAGE}))
        return withdrawn(refunds.data, disputes.data)

    async def session_of(self, payment_id: str) -> str | None:
        """The id of the checkout session that was paid so."""
        found = await _answered(self._client.v1.checkout.sessions.list_async({"payment_intent": payment_id}))
        return found.data[0].id if found.data else None

    async def invoice_of(self, payment_id: str) -> str | None:
        """The id of the invoice that was paid so."""
        payment: Any = {"type": "payment_intent", "payment_intent": payment_id}
        found = await _answered(self._client.v1.invoice_payments.list_async({"payment": payment}))
        invoice = found.data[0].invoice if found.data else None
        return invoice if isinstance(invoice, str) or invoice is None else invoice.id

    async def recent_sessions(self, since: datetime) -> AsyncIterator[SessionState]:
        """Checkout sessions made since then."""
        async for found in _pages(self._client.v1.checkout.sessions, _since(since)):
            yield read_session(found)

    async def recent_invoices(self, since: datetime) -> AsyncIterator[InvoiceState]:
        """Invoices made since then, without what paid them."""
        async for found in _pages(self._client.v1.invoices, _since(since)):
            yield read_invoice(found)

    async def recent_withdrawals(self, refunds_since: datetime, disputes_since: datetime) -> dict[str, int]:
        """How much of each payment went back by refunds and disputes made since then, in minor units."""
        made: dict[str, tuple[list[Any], list[Any]]] = {}
        both = (self._client.v1.refunds, refunds_since), (self._client.v1.disputes, disputes_since)
        for index, (service, since) in enumerate(both):
            async for found in _pages(service, _since(since)):
                if payment_id := id_of(found.payment_intent):
                    made.setdefault(payment_id, ([], []))[index].append(found)
        return {payment_id: withdrawn(*parts) for payment_id, parts in made.items()}

    async def subscriptions(self) -> AsyncIterator[SubscriptionState]:
        """Every subscription, ended ones too."""
        async for found in _pages(self._client.v1.subscriptions, {"status": "all"}):
            yield read_subscription(found)

    async def cancel_subscription(self, subscription_id: str) -> None:
        """Ends a subscription now. Safe to repeat."""
        await _found(self._client.v1.subscriptions.cancel_async(subscription_id))

    async def expire_session(self, session_id: str) -> None:
        """Shuts a page to pay at. Safe to repeat; one that was paid stays as it is."""
        now = await self.session(session_id)
        if now and now.status == "open":
            options: Any = {"idempotency_key": f"expire-{session_id}"}
            await _found(self._client.v1.checkout.sessions.expire_async(session_id, {}, options))

    async def refund(self, payment_id: str) -> None:
        """Gives back a payment of which nothing went back yet. Safe to repeat."""
        if await self.withdrawn(payment_id):
            return
        options: Any = {"idempotency_key": f"refund-{payment_id}"}
        await _answered(self._client.v1.refunds.create_async({"payment_intent": payment_id}, options))

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

    async def _create_price(self, offer: PlanOffer, instead_of: str) -> stripe.Price:
        params: Any = {
            "currency": offer.currency,
            "unit_amount": offer.amount,
            "recurring": {"interval": "month"},
            "product_data": {"name": offer.name},
            "lookup_key": offer.lookup_key,
            "transfer_lookup_key": True,
            "metadata": {"plan": offer.plan},
        }
        key = f"price-{offer.plan}-{offer.currency}-{offer.amount}-{instead_of}"
        return await _answered(self._client.v1.prices.create_async(params, {"idempotency_key": key}))


def _flow(change: PlanChange, return_url: str) -> dict[str, Any]:
    changed = {"id": change.item_id, "price": change.price_id, "quantity": 1}
    return {
        "type": "subscription_update_confirm",
        "subscription_update_confirm": {"subscription": change.subscription_id, "items": [changed]},
        "after_completion": {"type": "redirect", "redirect": {"return_url": return_url}},
    }


def _fingerprint(settings: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()


def _since(moment: datetime) -> dict[str, Any]:
    return {"created": {"gte": int(moment.timestamp())}}


async def _pages(service: Any, params: dict[str, Any]) -> AsyncIterator[Any]:
    """Everything that a service lists."""
    page = await _answered(service.list_async(params | {"limit": _PAGE}))
    while True:
        for found in page.data:
            yield found
        if not page.has_more:
            return
        page = await _answered(page.next_page_async())


def _is_event(event: object) -> bool:
    return isinstance(event, dict) and isinstance(event.get("id"), str) and isinstance(event.get("type"), str)


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
    except stripe.InvalidRequestError as error:
        kind = CustomerGone if (error.code, error.param) == ("resource_missing", "customer") else PaymentsUnavailable
        raise kind("Payments are not available right now. Please try again later.") from error
    except stripe.StripeError as error:
        raise PaymentsUnavailable("Payments are not available right now. Please try again later.") from error
