"""What the protos say, read from the descriptor set: messages, calls, comments and options."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from buf.validate import validate_pb2
from drape.contract.v1 import contract_pb2
from google.api import annotations_pb2, http_pb2
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorSet

HTTP_BODY = "google.api.HttpBody"

Field: TypeAlias = FieldDescriptorProto


@dataclass(frozen=True)
class Message:
    """A message, its comment, and the comments of its fields by their name."""

    name: str
    descriptor: DescriptorProto
    comment: str
    field_comments: dict[str, str]

    @property
    def fields(self) -> list[Field]:
        """In the order of the file."""
        return list(self.descriptor.field)

    @property
    def short(self) -> str:
        """The name without its package."""
        return self.name.rpartition(".")[2]

    def rules(self) -> list[validate_pb2.Rule]:
        """Its rules about several fields at once."""
        return list(self.descriptor.options.Extensions[validate_pb2.message].cel)


@dataclass(frozen=True)
class Binding:
    """One HTTP form of a call. `body` is "*", the name of a field, or nothing."""

    verb: str
    path: str
    body: str


@dataclass(frozen=True)
class Call:
    """An RPC; `bindings` is empty when only other services can make it."""

    service: str
    name: str
    comment: str
    request: str
    response: str
    bindings: tuple[Binding, ...]
    options: contract_pb2.Call

    @property
    def owner(self) -> str:
        """The service that answers, as its folder is called."""
        return self.service.split(".")[1]


class Source:
    """Everything of the descriptor set that is ours."""

    def __init__(self, descriptors: Path) -> None:
        files = FileDescriptorSet.FromString(descriptors.read_bytes())
        self.messages: dict[str, Message] = {}
        self.calls: list[Call] = []
        self.services: dict[str, str] = {}
        """Comments of the services, by their full name."""
        for file in files.file:
            if file.package.startswith("drape."):
                comments = {
                    tuple(place.path): _clean(place.leading_comments) for place in file.source_code_info.location
                }
                for number, message in enumerate(file.message_type):
                    self._add_message(f"{file.package}.{message.name}", message, (4, number), comments)
                for number, service in enumerate(file.service):
                    name = f"{file.package}.{service.name}"
                    self.services[name] = comments.get((6, number), "")
                    for index, method in enumerate(service.method):
                        self.calls.append(
                            Call(
                                name,
                                method.name,
                                comments.get((6, number, 2, index), ""),
                                method.input_type.lstrip("."),
                                method.output_type.lstrip("."),
                                tuple(_bindings(method.options.Extensions[annotations_pb2.http])),
                                method.options.Extensions[contract_pb2.call],
                            )
                        )

    def public(self) -> list[Call]:
        """The calls that the gateway lets in."""
        return [call for call in self.calls if call.bindings]

    def _add_message(
        self, name: str, message: DescriptorProto, path: tuple[int, ...], comments: dict[tuple[int, ...], str]
    ) -> None:
        of_fields = {field.name: comments.get((*path, 2, index), "") for index, field in enumerate(message.field)}
        self.messages[name] = Message(name, message, comments.get(path, ""), of_fields)
        for index, nested in enumerate(message.nested_type):
            self._add_message(f"{name}.{nested.name}", nested, (*path, 3, index), comments)


def value_of(field: Field) -> contract_pb2.Value:
    """What the contract adds to the field's type."""
    value: contract_pb2.Value = field.options.Extensions[contract_pb2.value]
    return value


def rules_of(field: Field) -> validate_pb2.FieldRules:
    """What is checked of the field."""
    rules: validate_pb2.FieldRules = field.options.Extensions[validate_pb2.field]
    return rules


def _bindings(rule: http_pb2.HttpRule) -> Iterator[Binding]:
    for one in (rule, *rule.additional_bindings):
        if verb := one.WhichOneof("pattern"):
            yield Binding(verb, getattr(one, verb), one.body)


def _clean(comment: str) -> str:
    """A comment as paragraphs of one line each."""
    paragraphs = re.split(r"\n\s*\n", comment.strip())
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
