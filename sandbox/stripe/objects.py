"""How Stripe's objects are built, changed and shown."""

from __future__ import annotations

import copy
from typing import Any

import stripe

from .errors import InvalidRequest
from .store import Object


def build(shape: type[stripe.StripeObject], *, without: tuple[str, ...] = (), **fields: Any) -> Object:
    """An object with exactly the fields that the SDK's class declares; those not given are null.

    `without` names the fields that Stripe leaves out unless they are expanded.
    """
    names = [name for name in shape.__annotations__ if name not in ("OBJECT_NAME", "deleted", *without)]
    unknown = [name for name in fields if name not in names and not name.startswith("_")]
    if unknown:
        raise TypeError(f"{shape.__name__} has no {', '.join(unknown)}")
    thing: Object = {"id": fields.get("id"), "object": getattr(shape, "OBJECT_NAME", None)}
    thing |= {name: None for name in names if name not in thing}
    if "livemode" in thing:
        thing["livemode"] = False
    if "metadata" in thing:
        thing["metadata"] = {}
    return thing | fields


def public(value: Any) -> Any:
    """A deep copy without the sandbox's own fields."""
    if isinstance(value, dict):
        return {name: public(part) for name, part in value.items() if not name.startswith("_")}
    if isinstance(value, list):
        return [public(part) for part in value]
    return copy.copy(value)


def list_of(things: list[Object], url: str, *, has_more: bool = False) -> Object:
    """Stripe's list object."""
    return {"object": "list", "data": things, "has_more": has_more, "url": url}


def changed_fields(before: Object, after: Object) -> Object:
    """The old values of what changed, nested: `data.previous_attributes` of an event."""
    previous: Object = {}
    for name, old in before.items():
        new = after.get(name)
        if old == new:
            continue
        previous[name] = changed_fields(old, new) if isinstance(old, dict) and isinstance(new, dict) else old
    previous.update({name: None for name in after if name not in before})
    return previous


def merged_metadata(old: dict[str, str] | None, given: Any) -> dict[str, str]:
    """Metadata after an update: empty values remove their keys, an empty string removes all.

    Raises:
        InvalidRequest: more than 50 keys, a key over 40 characters or a value over 500.
    """
    if given is None:
        return dict(old or {})
    if given == "":
        return {}
    merged = {key: value for key, value in ((old or {}) | given).items() if value != ""}
    if len(merged) > 50:
        raise InvalidRequest("Metadata can have up to 50 keys.", param="metadata")
    for key, value in merged.items():
        if len(key) > 40:
            raise InvalidRequest(f"Metadata keys can be up to 40 characters: {key}", param="metadata")
        if len(value) > 500:
            message = f"Metadata values must have up to 500 characters, but you passed in a value of {len(value)}"
            raise InvalidRequest(f"{message} characters.", param=f"metadata[{key}]")
    return merged


def assign(thing: Object, params: dict[str, Any], *names: str) -> None:
    """Copy the parameters that were given; a cleared one becomes null."""
    for name in names:
        if name in params:
            thing[name] = None if params[name] == "" else params[name]


def refuse(params: dict[str, Any], *names: str) -> None:
    """Refuse parameters of Stripe's that the sandbox lacks and whose silence would mislead.

    Raises:
        InvalidRequest: one of them is given and is not off.
    """
    for name in names:
        given = params.get(name)
        if given and given != {"enabled": False}:
            raise InvalidRequest(f"The sandbox does not have `{name}`.", param=name)


def require(params: dict[str, Any], *names: str) -> None:
    """Refuse a request that lacks one of these.

    Raises:
        InvalidRequest: `parameter_missing`.
    """
    for name in names:
        if params.get(name) in (None, ""):
            raise InvalidRequest(f"Missing required param: {name}.", param=name, code="parameter_missing")
