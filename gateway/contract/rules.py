"""Rules of the protos as keywords of JSON Schema: protovalidate's own, and the forms of CEL that our protos use."""

import re
from typing import Any

from drape.contract.v1 import contract_pb2

from gateway.contract.source import Field, Message, rules_of, value_of

Json = dict[str, Any]

_CLAUSES: list[tuple[str, str]] = [
    (r"this >= (-?\d+)", "minimum"),
    (r"this <= (-?\d+)", "maximum"),
    (r"this\.size\(\) >= (\d+)", "minLength"),
    (r"this\.size\(\) <= (\d+)", "maxLength"),
]
_STRING = {"min_len": "minLength", "max_len": "maxLength", "pattern": "pattern"}
_NUMBER = {"gte": "minimum", "lte": "maximum", "gt": "exclusiveMinimum", "lt": "exclusiveMaximum"}
_LIST = {"min_items": "minItems", "max_items": "maxItems"}
_FILLED = re.compile(r"this\.([\w.]+) != ''")


def keywords(field: Field) -> tuple[Json, list[str]]:
    """What is allowed of a field's value, and the sentences of the rules that JSON Schema cannot say."""
    rules = rules_of(field)
    found: Json = {}
    kinds: dict[str, dict[str, str]] = {"string": _STRING, "int32": _NUMBER, "double": _NUMBER, "repeated": _LIST}
    for kind, names in kinds.items():
        if rules.WhichOneof("type") == kind:
            part = getattr(rules, kind)
            found |= {keyword: getattr(part, name) for name, keyword in names.items() if part.HasField(name)}
    if rules.string.WhichOneof("well_known"):
        found["format"] = rules.string.WhichOneof("well_known")
    if getattr(rules.string, "in"):
        found["enum"] = list(getattr(rules.string, "in"))
    untold = []
    for rule in rules.cel:
        said = _of_expression(rule.expression)
        found |= said or {}
        if said is None:
            untold.append(rule.message)
    return found | _of_value(value_of(field)), untold


def is_required(field: Field) -> bool:
    """Whether a request is refused without the field."""
    filled = any("this != ''" in rule.expression.split(" && ") for rule in rules_of(field).cel)
    choices = any(re.fullmatch(r"this in \[(?!'',).*\]", rule.expression) for rule in rules_of(field).cel)
    required = rules_of(field).required or value_of(field).required or filled
    # What has no presence is checked also when it is left out.
    return bool(required or (choices and not field.proto3_optional))


def of_message(message: Message) -> tuple[list[list[str]], list[str]]:
    """Which fields must be there, as a list of alternatives for each rule, and the sentences of all other rules.

    A field is named by its path from the message, with dots.
    """
    needed: list[list[str]] = []
    untold = []
    for rule in message.rules():
        if all(_FILLED.fullmatch(part) for part in rule.expression.split(" && ")):
            needed += [[_path(part)] for part in rule.expression.split(" && ")]
        elif all(_FILLED.fullmatch(part) for part in rule.expression.split(" || ")):
            needed.append([_path(part) for part in rule.expression.split(" || ")])
        else:
            untold.append(rule.message)
    return needed, untold


def _path(clause: str) -> str:
    return clause.removeprefix("this.").removesuffix(" != ''")


def _of_expression(expression: str) -> Json | None:
    """The keywords of a rule of one field; None when it says more than we can translate."""
    if found := re.fullmatch(r"this in \[(.*)\]", expression):
        # Nothing at all stands for the default, as leaving the field out does; that is the form that we tell.
        return {"enum": [value for value in re.findall(r"'([^']*)'", found[1]) if value]}
    result: Json = {}
    for clause in expression.split(" && "):
        if clause == "this != ''":
            result["minLength"] = 1
            continue
        matches = [(re.fullmatch(pattern, clause), keyword) for pattern, keyword in _CLAUSES]
        hit = next(((match, keyword) for match, keyword in matches if match), None)
        if hit is None:
            return None
        result[hit[1]] = int(hit[0][1])
    return result


def _of_value(value: contract_pb2.Value) -> Json:
    found: Json = {}
    if getattr(value, "in"):
        found["enum"] = list(getattr(value, "in"))
    if value.format:
        found["format"] = value.format
    if value.min_length:
        found["minLength"] = value.min_length
    if value.max_length:
        found["maxLength"] = value.max_length
    return found
