"""Messages as JSON Schemas, and examples of them, as the gateway's JSON looks."""

import json
from collections.abc import Iterable
from typing import Any

from google.protobuf.descriptor_pb2 import FieldDescriptorProto

from gateway.contract import rules
from gateway.contract.rules import Json
from gateway.contract.source import Field, Message, Source, value_of

_T = FieldDescriptorProto
_SCALARS: dict[int, Json] = {
    _T.TYPE_STRING: {"type": "string"},
    _T.TYPE_BOOL: {"type": "boolean"},
    _T.TYPE_INT32: {"type": "integer", "format": "int32"},
    _T.TYPE_DOUBLE: {"type": "number", "format": "double"},
    _T.TYPE_FLOAT: {"type": "number", "format": "float"},
    _T.TYPE_BYTES: {"type": "string", "contentEncoding": "base64"},
}
_WELL_KNOWN: dict[str, Json] = {
    "google.protobuf.Timestamp": {"type": "string", "format": "date-time"},
    "google.protobuf.Struct": {"type": "object", "additionalProperties": True},
}
_INT32 = {"minimum": -(2**31), "maximum": 2**31 - 1}


class Schemas:
    """The schemas of the messages that the contract's calls use, by their names."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.components: dict[str, Json] = {}

    def answer(self, name: str) -> Json:
        """A reference to the schema of a message that we send: all but its optional fields are always there."""
        return self._reference(self._source.messages[name], answering=True)

    def request(self, message: Message, body: str, without: Iterable[str] = ()) -> Json:
        """A reference to the schema of a request's body: the message, or its field of that name.

        `without` names the fields that are in the path.
        """
        part = message if body == "*" else self._part(message, body)
        schema = self._schema(part, answering=False)
        for name in without:
            schema["properties"].pop(_json_name(part, name), None)
        prefix = "" if body == "*" else f"{body}."
        needed, untold = rules.of_message(message)
        for choices in needed:
            names = [_json_name(part, choice.removeprefix(prefix)) for choice in choices]
            _need(schema, names)
        _tell(schema, untold)
        self.components[message.short] = schema
        return {"$ref": f"#/components/schemas/{message.short}"}

    def field(self, message: Message, field: Field, answering: bool) -> Json:
        """The schema of one field."""
        schema = self._map(field, answering) or self._type(field, answering)
        found, untold = rules.keywords(field)
        if field.label == _T.LABEL_REPEATED and "additionalProperties" not in schema:
            schema = {"type": "array", "items": schema}
        if not answering and field.type == _T.TYPE_INT32:
            schema |= _INT32
        if found.get("format") == "binary":
            schema = {"type": "string"}
        schema |= found
        if comment := message.field_comments[field.name]:
            schema["description"] = comment
        _tell(schema, untold)
        value = value_of(field)
        if value.example and "$ref" not in schema:
            schema["examples"] = [example_value(field, value.example)]
        return schema

    def example(self, message: Message, without: Iterable[str] = ()) -> Json:
        """A message as it may look; fields that say of themselves that they are rare are left out."""
        found: Json = {}
        for field in message.fields:
            value = self._example_of(field)
            if value is not None and field.name not in without:
                found[field.json_name] = value
        return found

    def _example_of(self, field: Field) -> Any:
        value = value_of(field)
        if value.rare:
            return None
        if value.HasField("example"):
            one = example_value(field, value.example)
        elif allowed := rules.keywords(field)[0].get("enum"):
            one = allowed[0]
        elif field.type == _T.TYPE_MESSAGE:
            name = field.type_name.lstrip(".")
            one = None if name in _WELL_KNOWN else self.example(self._source.messages[name])
        else:
            return None
        is_list = field.label == _T.LABEL_REPEATED and self._map(field, answering=True) is None
        return [one] if is_list and not isinstance(one, list) else one

    def _part(self, message: Message, name: str) -> Message:
        (field,) = (field for field in message.fields if field.name == name)
        return self._source.messages[field.type_name.lstrip(".")]

    def _reference(self, message: Message, answering: bool) -> Json:
        if message.short not in self.components:
            self.components[message.short] = {}  # known from here on, should it hold itself
            self.components[message.short] = self._schema(message, answering)
        return {"$ref": f"#/components/schemas/{message.short}"}

    def _schema(self, message: Message, answering: bool) -> Json:
        schema: Json = {"type": "object"}
        if message.comment:
            schema["description"] = message.comment
        schema["properties"] = {field.json_name: self.field(message, field, answering) for field in message.fields}
        always = (field for field in message.fields if not field.proto3_optional)
        required = always if answering else filter(rules.is_required, message.fields)
        if names := [field.json_name for field in required]:
            schema["required"] = names
        return schema

    def _map(self, field: Field, answering: bool) -> Json | None:
        """The schema of a map; None for all other fields."""
        entry = self._source.messages.get(field.type_name.lstrip("."))
        if entry is None or not entry.descriptor.options.map_entry:
            return None
        return {"type": "object", "additionalProperties": self._type(entry.fields[1], answering)}

    def _type(self, field: Field, answering: bool) -> Json:
        if field.type != _T.TYPE_MESSAGE:
            return dict(_SCALARS[field.type])
        name = field.type_name.lstrip(".")
        if name in _WELL_KNOWN:
            return dict(_WELL_KNOWN[name])
        return self._reference(self._source.messages[name], answering)


def example_value(field: Field, text: str) -> Any:
    """The value that an example stands for."""
    is_text = field.type == _T.TYPE_STRING or field.type_name == ".google.protobuf.Timestamp"
    return text if is_text and field.label != _T.LABEL_REPEATED else json.loads(text)


def _json_name(message: Message, name: str) -> str:
    (field,) = (field for field in message.fields if field.name == name)
    return field.json_name


def _need(schema: Json, names: list[str]) -> None:
    """Adds that one of the fields must be there and not empty."""
    for name in names:
        schema["properties"][name].setdefault("minLength", 1)
    if len(names) > 1:
        schema["anyOf"] = [{"required": [name]} for name in names]
    elif names[0] not in schema.setdefault("required", []):
        schema["required"].append(names[0])


def _tell(schema: Json, sentences: list[str]) -> None:
    """Adds to the description what no keyword says."""
    if sentences:
        texts = [schema.get("description", ""), *sentences]
        schema["description"] = " ".join(text.rstrip(".") + "." for text in texts if text)
