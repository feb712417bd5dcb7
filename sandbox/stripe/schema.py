"""Checks parameters against the request types of the installed Stripe SDK.

The SDK is generated from Stripe's OpenAPI description, so its types are the list of what Stripe accepts:
unknown names, wrong types, values outside an enumeration and missing fields are refused as Stripe does.
"""

from __future__ import annotations

import types
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any, Literal, NotRequired, Union, get_args, get_origin, get_type_hints

import typing_extensions
from stripe import _request_options

from .errors import InvalidRequest

_OPTIONAL = (NotRequired, typing_extensions.NotRequired)
_SDK_ONLY = frozenset(_request_options.RequestOptions.__annotations__)
_NAMES = {**vars(_request_options), "StripeContext": object}
"""What the SDK's annotations name but import only for type checkers."""


def read(shape: Any, raw: dict[str, Any]) -> dict[str, Any]:
    """The typed parameters of a request; a cleared parameter (`name=`) is the empty string.

    Raises:
        InvalidRequest: with Stripe's code and the bracketed name of the parameter.
    """
    return _read_fields(shape, raw, "")


@cache
def _fields(shape: Any) -> dict[str, Any]:
    hints = get_type_hints(shape, localns=_NAMES, include_extras=True)
    return {name: hint for name, hint in hints.items() if name not in _SDK_ONLY}


def _read_fields(shape: Any, raw: dict[str, Any], path: str) -> dict[str, Any]:
    fields = _fields(shape)
    for name in raw:
        if name not in fields:
            full = _join(path, name)
            raise InvalidRequest(f"Received unknown parameter: {full}", param=full, code="parameter_unknown")
    for name, hint in fields.items():
        if name not in raw and get_origin(hint) not in _OPTIONAL:
            full = _join(path, name)
            raise InvalidRequest(f"Missing required param: {full}.", param=full, code="parameter_missing")
    return {name: _read(_members(fields[name]), value, _join(path, name)) for name, value in raw.items()}


def _join(path: str, name: str) -> str:
    return f"{path}[{name}]" if path else name


def _members(hint: Any) -> list[Any]:
    """The alternatives of a type, without the wrappers that say whether it must be given."""
    if get_origin(hint) in _OPTIONAL:
        return _members(get_args(hint)[0])
    if get_origin(hint) in (Union, types.UnionType):
        return [member for part in get_args(hint) for member in _members(part)]
    return [hint]


def _read(members: list[Any], raw: Any, path: str) -> Any:
    return _read_nested(members, raw, path) if isinstance(raw, dict) else _read_leaf(members, raw, path)


def _read_nested(members: list[Any], raw: dict[str, Any], path: str) -> Any:
    for member in members:
        origin = get_origin(member)
        if origin is list:
            items = _members(get_args(member)[0])
            return [_read(items, value, _join(path, index)) for index, value in raw.items()]
        if origin is dict:
            values = _members(get_args(member)[1])
            return {key: _read(values, value, _join(path, key)) for key, value in raw.items()}
        if typing_extensions.is_typeddict(member):
            return _read_fields(member, raw, path)
    raise InvalidRequest(f"Invalid string: {raw}", param=path, code="parameter_invalid_string")


def _read_leaf(members: list[Any], raw: str, path: str) -> Any:
    choices = [value for member in members if get_origin(member) is Literal for value in get_args(member)]
    if raw in choices or (raw == "" and str in members):
        return raw
    for kind, convert in _CONVERSIONS:
        if kind in members:
            converted = convert(raw)
            if converted is not None:
                return converted
    enumeration = [choice for choice in choices if choice != ""]
    if str in members and not enumeration:
        return raw
    raise _refusal(members, enumeration, raw, path)


def _refusal(members: list[Any], enumeration: list[str], raw: str, path: str) -> InvalidRequest:
    if raw == "":
        message = (
            f"You passed an empty string for '{path}'. We assume empty values are an attempt to unset a "
            f"parameter; however '{path}' cannot be unset. You should remove '{path}' from your request or "
            "supply a non-empty value."
        )
        return InvalidRequest(message, param=path, code="parameter_invalid_empty")
    if enumeration:
        allowed = " or ".join(filter(None, (", ".join(enumeration[:-1]), enumeration[-1])))
        return InvalidRequest(f"Invalid {path}: must be one of {allowed}", param=path)
    for kind, name in ((int, "integer"), (bool, "boolean"), (float, "number"), (Decimal, "decimal")):
        if kind in members:
            return InvalidRequest(f"Invalid {name}: {raw}", param=path, code=f"parameter_invalid_{name}")
    container = "array" if any(get_origin(member) is list for member in members) else "object"
    return InvalidRequest(f"Invalid {container}", param=path)


def _integer(raw: str) -> int | None:
    digits = raw.removeprefix("-")
    return int(raw) if digits.isascii() and digits.isdigit() and len(digits) < 20 else None


def _boolean(raw: str) -> bool | None:
    return {"true": True, "false": False}.get(raw)


def _number(raw: str) -> float | None:
    try:
        return float(raw)
    except ValueError:
        return None


def _decimal(raw: str) -> Decimal | None:
    try:
        return Decimal(raw)
    except InvalidOperation:
        return None


_CONVERSIONS: tuple[tuple[type, Any], ...] = (
    (int, _integer),
    (bool, _boolean),
    (float, _number),
    (Decimal, _decimal),
)
