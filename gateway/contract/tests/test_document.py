"""The description itself: it is of today, whole, and a page without a script shows all of it."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf.descriptor_pb2 import FieldDescriptorProto

from gateway import pages
from gateway.contract import rules
from gateway.contract.document import document
from gateway.contract.reasons import ROOT
from gateway.contract.rules import Json
from gateway.contract.source import Source

DESCRIPTORS = ROOT / "gen" / "drape.binpb"
SOURCE = Source(DESCRIPTORS)
DOCUMENT: Json = json.loads(pages.CONTRACT.read_text())
PAGE = (pages.DOCS / "index.html").read_text()
OPERATIONS = {
    operation["operationId"]: operation for methods in DOCUMENT["paths"].values() for operation in methods.values()
}


def parts(value: Any) -> Iterator[Json]:
    """Every object of the document."""
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from parts(inner)


def resolved(reference: str) -> Any:
    """What a reference stands for."""
    found: Any = DOCUMENT
    for name in reference.removeprefix("#/").split("/"):
        found = found[name]
    return found


def test_what_is_served_is_what_the_protos_say_today() -> None:
    assert document(DESCRIPTORS) == DOCUMENT, "make gen"


def test_every_public_call_is_described_in_each_of_its_http_forms() -> None:
    bindings = [(binding.path, binding.verb) for call in SOURCE.public() for binding in call.bindings]
    assert all(verb in DOCUMENT["paths"][path] for path, verb in bindings)
    assert len(OPERATIONS) == len(bindings) + 2
    assert not [call.name for call in SOURCE.public() if not call.comment]


def test_every_reference_leads_somewhere() -> None:
    references = {part["$ref"] for part in parts(DOCUMENT) if "$ref" in part}
    assert len(references) > 50
    assert all(resolved(reference) for reference in references)


@pytest.mark.parametrize("call", SOURCE.public(), ids=lambda call: call.name)
def test_every_rule_of_a_request_is_told(call: Any) -> None:
    if message := SOURCE.messages.get(call.request):
        text = json.dumps(DOCUMENT["paths"][call.bindings[0].path][call.bindings[0].verb])
        text += json.dumps(DOCUMENT["components"]["schemas"].get(message.short, {}))
        _, untold = rules.of_message(message)
        for field in message.fields:
            keywords, sentences = rules.keywords(field)
            untold += sentences
            if field.type != FieldDescriptorProto.TYPE_MESSAGE:
                assert all(json.dumps(name) in text for name in keywords), field.name
        assert all(sentence.rstrip(".") in text for sentence in untold)


@pytest.mark.parametrize(
    ("name", "field", "keyword", "value"),
    [
        ("RegisterRequest", "password", "minLength", 8),
        ("RegisterRequest", "name", "maxLength", 100),
        ("RegisterRequest", "email", "format", "email"),
        ("GenerateRequest", "mode", "enum", ["fast", "balanced", "quality"]),
        ("GenerateRequest", "seed", "minimum", 0),
        ("CreateCheckoutRequest", "type", "enum", ["credits", "subscription"]),
        ("Job", "status", "enum", ["queued", "running", "succeeded", "failed", "canceled"]),
        ("Job", "createdAt", "format", "date-time"),
    ],
)
def test_rules_become_keywords(name: str, field: str, keyword: str, value: object) -> None:
    assert DOCUMENT["components"]["schemas"][name]["properties"][field][keyword] == value


def test_what_a_request_needs_is_required_and_what_an_answer_may_lack_is_not() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    assert schemas["RegisterRequest"]["required"] == ["email", "password"]
    assert schemas["CreateJobRequest"]["required"] == ["personImageId", "outfitImageId"]
    assert schemas["CheckImagesRequest"]["anyOf"] == [{"required": ["personImageId"]}, {"required": ["outfitImageId"]}]
    assert {"image", "error", "finishedAt", "queuePosition"}.isdisjoint(schemas["Job"]["required"])


def test_every_error_has_a_sentence_and_its_one_status_in_an_example() -> None:
    for operation in OPERATIONS.values():
        for status, answer in operation["responses"].items():
            answer = resolved(answer["$ref"]) if "$ref" in answer else answer
            for reason in answer.get("x-reasons", ()):
                reference = answer["content"]["application/json"]["examples"][reason]["$ref"]
                body = resolved(reference)["value"]
                assert body["details"][0]["reason"] == reason
                assert re.search(r"\w+ \w+", body["message"]), (operation["operationId"], status, reason)


def test_the_page_has_every_operation_error_and_message() -> None:
    ids = re.findall(r'\bid="([^"]+)"', PAGE)
    assert len(ids) == len(set(ids))
    assert set(ids) >= OPERATIONS.keys() | {f"schema-{name}" for name in DOCUMENT["components"]["schemas"]}
    assert set(re.findall(r'href="#([^"]+)"', PAGE)) <= set(ids)
    reasons = {reason for part in parts(DOCUMENT) for reason in part.get("x-reasons", ())}
    assert not [reason for reason in reasons if f"<code>{reason}</code>" not in PAGE]


def test_nothing_of_the_page_is_inline_or_from_elsewhere() -> None:
    assert not re.search(r"<style|<script|\sstyle=|\son\w+=|(?:src|href)=.https?:", PAGE)
    addresses = set(re.findall(r'href="(/docs/[^"]+)"', PAGE))
    assert len(addresses) == 2
    assert all((pages.DOCS / address.rpartition("/")[2]).exists() for address in addresses)


def test_the_routes_stay_far_below_what_an_argument_may_be_long() -> None:
    assert sum(len(route) for route in pages.routes("http://localhost:8080")) < 64 * 1024
