"""List endpoints: filters, cursors and pages."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from .errors import InvalidRequest, ResourceMissing
from .objects import list_of
from .store import Object

_COMPARE: dict[str, Callable[[int, int], bool]] = {
    "gt": lambda value, bound: value > bound,
    "gte": lambda value, bound: value >= bound,
    "lt": lambda value, bound: value < bound,
    "lte": lambda value, bound: value <= bound,
}


def matching(things: Iterable[Object], params: dict[str, Any], *fields: str) -> list[Object]:
    """The objects, newest first, that equal each given field and lie in the given `created` range."""
    wanted = {field: params[field] for field in fields if field in params}
    created = params.get("created", {})
    bounds = created if isinstance(created, dict) else {"gte": created, "lte": created}
    found = [
        thing
        for thing in things
        if not thing.get("deleted")
        and all(thing.get(field) == value for field, value in wanted.items())
        and all(_COMPARE[name](thing["created"], bound) for name, bound in bounds.items())
    ]
    return found[::-1]


def page(things: list[Object], params: dict[str, Any], url: str) -> Object:
    """One page of a list that is in Stripe's order (newest first).

    Raises:
        InvalidRequest: a limit outside 1 to 100, both cursors at once, or a cursor that is not in the list.
    """
    limit = params.get("limit", 10)
    if not 1 <= limit <= 100:
        bound = "greater than or equal to 1" if limit < 1 else "less than or equal to 100"
        message = f"This value must be {bound} (it currently is '{limit}')."
        raise InvalidRequest(message, param="limit", code="parameter_invalid_integer")
    after, before = params.get("starting_after"), params.get("ending_before")
    if after and before:
        raise InvalidRequest("Received both starting_after and ending_before parameters.")
    if before:
        rest = things[: _position(things, before, "ending_before")]
        return list_of(rest[-limit:], url, has_more=len(rest) > limit)
    rest = things[_position(things, after, "starting_after") + 1 :] if after else things
    return list_of(rest[:limit], url, has_more=len(rest) > limit)


def _position(things: list[Object], cursor: str, param: str) -> int:
    for index, thing in enumerate(things):
        if thing["id"] == cursor:
            return index
    raise ResourceMissing("object", cursor, param=param)
