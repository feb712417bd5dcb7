"""What a shopper does on the Checkout page: pay, be declined, pay later, give up."""

from __future__ import annotations

import time

from . import checkout, customers, payment_methods, payments, subscriptions
from .core import Sandbox
from .errors import InvalidRequest
from .store import Object

_SOMEONE = "shopper@example.com"


def pay(
    sandbox: Sandbox,
    session: Object,
    *,
    email: str | None = None,
    name: str | None = None,
    behaviour: str = "succeeds",
) -> Object:
    """Pay with a card and complete the session.

    Raises:
        InvalidRequest: the session is not open.
        CardDeclined: the card does not work; the session stays open.
    """
    charge = _attempt(sandbox, session, email, name, kind="card", behaviour=behaviour)
    if charge is not None and charge["status"] == "failed":
        raise payments.declined(charge, sandbox.store.get("payment_intent", charge["payment_intent"]))
    return _complete(sandbox, session, charge)


def pay_later(
    sandbox: Sandbox,
    session: Object,
    *,
    email: str | None = None,
    name: str | None = None,
    outcome: str | None = None,
) -> Object:
    """Pay by a delayed bank debit: the session completes unpaid, and is settled after a while.

    `outcome` is `succeeds`, `fails` or `pending` (until `settle` is called); the knob decides when absent.
    """
    charge = _attempt(sandbox, session, email, name, kind="us_bank_account", behaviour="succeeds")
    _complete(sandbox, session, charge)
    chosen = outcome or sandbox.knobs.async_outcome
    if charge is not None and chosen != "pending":
        session["_settles"] = {
            "succeeded": chosen == "succeeds",
            "due": time.time() + sandbox.knobs.async_settle_ms / 1000,
        }
        sandbox.timers.set()
    return session


def settle(sandbox: Sandbox, session: Object, *, succeeded: bool) -> Object:
    """End the delayed payment of a completed session."""
    session.pop("_settles", None)
    charge = _charge_of(sandbox, session)
    if charge is None or charge["status"] != "pending":
        raise InvalidRequest("This Checkout Session does not wait for a payment.")
    payments.settle(sandbox, charge, succeeded=succeeded)
    if session["subscription"]:
        subscriptions.first_payment_settled(sandbox, session["subscription"], charge)
    if succeeded:
        session["payment_status"] = "paid"
    sandbox.store.touch()
    sandbox.emit(f"checkout.session.async_payment_{'succeeded' if succeeded else 'failed'}", session)
    return session


def settle_due(sandbox: Sandbox) -> None:
    """Settle every delayed payment whose time has come."""
    for session in sandbox.store.all("checkout.session"):
        plan = session.get("_settles")
        if plan and plan["due"] <= time.time():
            settle(sandbox, session, succeeded=plan["succeeded"])


def expire_due(sandbox: Sandbox) -> None:
    """Expire every open session past its `expires_at`."""
    for session in sandbox.store.all("checkout.session"):
        if session["status"] == "open" and session["expires_at"] <= sandbox.now():
            checkout.expire(sandbox, {}, session["id"])


def success_url(session: Object) -> str:
    """Where the shopper goes after paying, with the session's id filled in."""
    url: str = session["success_url"]
    return url.replace("{CHECKOUT_SESSION_ID}", session["id"])


def _attempt(
    sandbox: Sandbox, session: Object, email: str | None, name: str | None, *, kind: str, behaviour: str
) -> Object | None:
    """The charge of one attempt, or None where nothing is due now (a trial)."""
    if session["status"] != "open":
        raise InvalidRequest(f"This Checkout Session is {session['status']}.", param="session")
    if session["expires_at"] <= sandbox.now():
        checkout.expire(sandbox, {}, session["id"])
        raise InvalidRequest("This Checkout Session is expired.", param="session")
    _identify(sandbox, session, email, name)
    details = session["customer_details"]
    method = payment_methods.create(sandbox, kind, behaviour=behaviour, email=details["email"], name=details["name"])
    session["_method"] = method["id"]
    if session["mode"] == "subscription":
        method["customer"] = session["customer"]
    if session["amount_total"] == 0:
        return None
    return payments.confirm(sandbox, _intent(sandbox, session), method)


def _identify(sandbox: Sandbox, session: Object, email: str | None, name: str | None) -> None:
    customer = sandbox.store.find("customer", session["customer"] or "")
    known = (customer or {}).get("email") or session["customer_email"]
    chosen = email or known or _SOMEONE
    if customer is None and session["customer_creation"] == "always":
        given = {"email": chosen} | ({"name": name} if name else {})
        customer = customers.create(sandbox, given)
        session["customer"] = customer["id"]
    elif customer and not customer["email"]:
        with sandbox.changing(customer, "customer.updated"):
            customer["email"] = chosen
    session["customer_details"] = checkout.details_of(customer, chosen, name)


def _intent(sandbox: Sandbox, session: Object) -> Object:
    if session["_intent"]:
        return sandbox.store.get("payment_intent", session["_intent"])
    data = session["_params"]["payment_intent_data"]
    intent = payments.create_intent(
        sandbox,
        amount=session["amount_total"],
        currency=session["currency"],
        customer=session["customer"],
        description=data.get("description", "Subscription creation" if session["mode"] == "subscription" else None),
        metadata=data.get("metadata", {}),
        payment_method_types=session["payment_method_types"],
        receipt_email=data.get("receipt_email"),
        setup_future_usage="off_session" if session["mode"] == "subscription" else data.get("setup_future_usage"),
        statement_descriptor=data.get("statement_descriptor"),
        statement_descriptor_suffix=data.get("statement_descriptor_suffix"),
    )
    session["_intent"] = intent["id"]
    if session["mode"] == "payment":
        session["payment_intent"] = intent["id"]
    return intent


def _complete(sandbox: Sandbox, session: Object, charge: Object | None) -> Object:
    if session["mode"] == "subscription":
        subscription = subscriptions.start_from_checkout(sandbox, session, charge)
        session["subscription"] = subscription["id"]
        session["invoice"] = subscription["latest_invoice"]
    session["status"] = "complete"
    session["url"] = None
    if charge is None:
        session["payment_status"] = "no_payment_required" if session["amount_total"] == 0 else "unpaid"
    else:
        session["payment_status"] = "paid" if charge["paid"] else "unpaid"
    sandbox.store.touch()
    sandbox.emit("checkout.session.completed", session)
    return session


def _charge_of(sandbox: Sandbox, session: Object) -> Object | None:
    intent = sandbox.store.find("payment_intent", session["_intent"] or "")
    return sandbox.store.find("charge", intent["latest_charge"]) if intent and intent["latest_charge"] else None
