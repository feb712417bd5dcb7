"""`expand[]`: ids become the objects they stand for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .errors import InvalidRequest
from .objects import list_of, public
from .store import Object, Store

_MAX_DEPTH = 4


def expanded(store: Store, thing: Object, paths: list[str]) -> Object:
    """A public copy of the object with each dotted path filled in.

    Raises:
        InvalidRequest: a path is deeper than four levels or cannot be expanded.
    """
    result: Object = public(thing)
    for path in paths:
        steps = path.split(".")
        if len(steps) > _MAX_DEPTH:
            raise InvalidRequest("You cannot expand more than 4 levels of a property.", param="expand")
        _expand(store, result, steps, path)
    return result


def _expand(store: Store, node: Any, steps: list[str], path: str) -> None:
    if isinstance(node, list):
        for part in node:
            _expand(store, part, steps, path)
        return
    step, *rest = steps
    if not isinstance(node, dict):
        return
    if step not in node:
        node[step] = _included(store, node, step, path)
    elif isinstance(node[step], str):
        node[step] = _resolved(store, node[step], step, path)
    elif not rest and step == "data":
        raise _not_expandable(path)
    if rest:
        _expand(store, node[step], rest, path)


def _resolved(store: Store, value: str, field: str, path: str) -> Object:
    found = store.by_id(value, field)
    if found is None:
        raise _not_expandable(path)
    copied: Object = public(found)
    return copied


def _included(store: Store, node: Object, step: str, path: str) -> Any:
    include = _INCLUDABLE.get((str(node.get("object")), step))
    if include is None:
        raise _not_expandable(path)
    return public(include(store, node))


def _not_expandable(path: str) -> InvalidRequest:
    return InvalidRequest(f"This property cannot be expanded ({path}).", param="expand")


def _line_items(store: Store, session: Object) -> Object:
    stored = store.get("checkout.session", session["id"])
    return list_of(stored["_line_items"], f"/v1/checkout/sessions/{session['id']}/line_items")


def _payments(store: Store, invoice: Object) -> Object:
    found = [pay for pay in store.all("invoice_payment") if pay["invoice"] == invoice["id"]]
    return list_of(found, f"/v1/invoice_payments?invoice={invoice['id']}")


def _refunds(store: Store, charge: Object) -> Object:
    found = [refund for refund in store.all("refund") if refund["charge"] == charge["id"]]
    return list_of(found[::-1], f"/v1/charges/{charge['id']}/refunds")


def _subscriptions(store: Store, customer: Object) -> Object:
    found = [
        subscription
        for subscription in store.all("subscription")
        if subscription["customer"] == customer["id"] and subscription["status"] != "canceled"
    ]
    return list_of(found[::-1], f"/v1/customers/{customer['id']}/subscriptions")


_INCLUDABLE: dict[tuple[str, str], Callable[[Store, Object], Any]] = {
    ("charge", "refunds"): _refunds,
    ("checkout.session", "line_items"): _line_items,
    ("customer", "subscriptions"): _subscriptions,
    ("invoice", "payments"): _payments,
}
