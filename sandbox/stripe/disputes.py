"""Disputes: a cardholder's bank takes the money back, and may have to return it."""

from __future__ import annotations

from typing import Any

import stripe
from stripe.params import DisputeCloseParams, DisputeListParams, DisputeRetrieveParams, DisputeUpdateParams

from . import balance, lists
from .api import Endpoint
from .core import Sandbox
from .errors import InvalidRequest
from .objects import build, merged_metadata, public
from .store import Object, new_id

_FEE = 1500
_ANSWER_WITHIN_S = 7 * 86_400
_CARD = {"brand": "visa", "case_type": "chargeback", "network_reason_code": "10.4"}
_NOT_ANSWERED = {
    "has_evidence": False,
    "past_due": False,
    "submission_count": 0,
    "submission_method": "not_submitted",
}
_ANSWERABLE = ("needs_response", "warning_needs_response")
_OPEN = (*_ANSWERABLE, "under_review")


def open_dispute(sandbox: Sandbox, charge: Object, *, amount: int | None = None, reason: str = "fraudulent") -> Object:
    """Let the cardholder's bank dispute a charge and withdraw the money.

    Raises:
        InvalidRequest: the charge did not succeed or is disputed already.
    """
    if charge["status"] != "succeeded" or charge["disputed"]:
        raise InvalidRequest(f"Charge {charge['id']} cannot be disputed.", param="charge")
    now = sandbox.now(charge["customer"])
    wanted = charge["amount"] - charge["amount_refunded"] if amount is None else amount
    dispute = build(
        stripe.Dispute,
        without=("network_reason_code",),
        id=new_id("du"),
        amount=wanted,
        balance_transactions=[],
        charge=charge["id"],
        created=now,
        currency=charge["currency"],
        enhanced_eligibility_types=[],
        evidence=dict.fromkeys(stripe.Dispute.Evidence.__annotations__) | {"enhanced_evidence": {}},
        evidence_details={"due_by": now + _ANSWER_WITHIN_S, "enhanced_eligibility": {}, **_NOT_ANSWERED},
        is_charge_refundable=False,
        payment_intent=charge["payment_intent"],
        payment_method_details={"card": dict(_CARD), "type": "card"},
        reason=reason,
        status="needs_response",
    )
    sandbox.add(dispute, "charge.dispute.created")
    with sandbox.changing(charge, "charge.updated"):
        charge["disputed"] = True
    dispute["balance_transactions"].append(public(balance.record(sandbox, dispute, "adjustment", -wanted, _FEE)))
    sandbox.emit("charge.dispute.funds_withdrawn", dispute)
    return dispute


def resolve(sandbox: Sandbox, dispute: Object, *, won: bool) -> Object:
    """Let the bank decide; a dispute that is won returns the money.

    Raises:
        InvalidRequest: it was decided before.
    """
    if dispute["status"] not in _OPEN:
        raise InvalidRequest(f"This dispute is already closed: {dispute['status']}.", param="dispute")
    with sandbox.changing(dispute, "charge.dispute.updated"):
        dispute["status"] = "won" if won else "lost"
    if won:
        returned = balance.record(sandbox, dispute, "adjustment", dispute["amount"])
        dispute["balance_transactions"].append(public(returned))
        sandbox.emit("charge.dispute.funds_reinstated", dispute)
    sandbox.emit("charge.dispute.closed", dispute)
    return dispute


def retrieve(sandbox: Sandbox, params: dict[str, Any], dispute: str) -> Object:
    """One dispute."""
    return sandbox.store.get("dispute", dispute)


def update(sandbox: Sandbox, params: dict[str, Any], dispute: str) -> Object:
    """Stage or submit evidence.

    As in Stripe's test mode, the text `winning_evidence` wins at once and `losing_evidence` loses.
    """
    found = sandbox.store.get("dispute", dispute)
    if found["status"] not in _ANSWERABLE:
        raise InvalidRequest("This dispute no longer takes evidence.", param="dispute")
    evidence = params.get("evidence", {})
    with sandbox.changing(found, "charge.dispute.updated"):
        found["metadata"] = merged_metadata(found["metadata"], params.get("metadata"))
        found["evidence"] |= {name: value or None for name, value in evidence.items()}
        found["evidence_details"]["has_evidence"] = bool(evidence) or found["evidence_details"]["has_evidence"]
        if evidence and params.get("submit", True):
            found["status"] = "under_review"
            found["evidence_details"] |= {"submission_count": 1, "submission_method": "manual"}
    verdict = {"winning_evidence": True, "losing_evidence": False}.get(found["evidence"]["uncategorized_text"] or "")
    if found["status"] == "under_review" and verdict is not None:
        resolve(sandbox, found, won=verdict)
    return found


def close(sandbox: Sandbox, params: dict[str, Any], dispute: str) -> Object:
    """Accept a dispute: it is lost."""
    return resolve(sandbox, sandbox.store.get("dispute", dispute), won=False)


def list_all(sandbox: Sandbox, params: dict[str, Any]) -> Object:
    """Disputes, newest first."""
    found = lists.matching(sandbox.store.all("dispute"), params, "charge", "payment_intent")
    return lists.page(found, params, "/v1/disputes")


ENDPOINTS = [
    Endpoint("GET", "/v1/disputes", list_all, DisputeListParams),
    Endpoint("GET", "/v1/disputes/{dispute}", retrieve, DisputeRetrieveParams),
    Endpoint("POST", "/v1/disputes/{dispute}", update, DisputeUpdateParams),
    Endpoint("POST", "/v1/disputes/{dispute}/close", close, DisputeCloseParams),
]
