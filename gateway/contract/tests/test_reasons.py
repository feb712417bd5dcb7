"""Every error is declared where it can be read, and nothing is declared that is none."""

import ast
import importlib
import re

import pytest

from gateway.contract import reasons
from gateway.contract.reasons import ROOT
from gateway.contract.source import Call, Source
from services.tryon.errors import InputRefused

SOURCE = Source(ROOT / "gen" / "drape.binpb")
SERVICES = ("auth", "media", "tryon", "billing")
_REASON = re.compile(r"[A-Z]+(_[A-Z]+)+")
# What the interceptor or the database raises for any call, and what only they do.
SHARED = {"UNAUTHENTICATED", "UNAVAILABLE", "VALIDATION_FAILED", "UNSTORABLE_TEXT", "INVALID_ARGUMENT", "NOT_FOUND"}


def _public(owner: str) -> frozenset[str]:
    servicer = importlib.import_module(f"services.{owner}.servicer")
    return getattr(servicer, "PUBLIC", frozenset())


def _named(owner: str) -> set[str]:
    return {reason for call in SOURCE.calls if call.owner == owner for reason in call.options.errors}


@pytest.mark.parametrize("call", SOURCE.calls, ids=lambda call: call.name)
def test_a_call_names_only_errors_that_its_service_declares(call: Call) -> None:
    known = reasons.of_service(call.owner)
    assert not set(call.options.errors) - known.keys()
    assert not set(call.options.errors) & SHARED, "these go without saying"
    assert len(set(call.options.errors)) == len(call.options.errors)


@pytest.mark.parametrize("owner", SERVICES)
def test_every_error_of_a_service_is_named_by_a_call(owner: str) -> None:
    assert reasons.of_service(owner).keys() - SHARED == _named(owner)


@pytest.mark.parametrize("owner", SERVICES)
def test_reasons_are_declared_in_errors_py_alone(owner: str) -> None:
    folder = ROOT / "services" / owner
    files = [file for file in folder.rglob("*.py") if "tests" not in file.parts and file.name != "errors.py"]
    strays = [
        (file.name, node.name)
        for file in files
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.ClassDef) and node.bases
        for line in node.body
        if isinstance(line, ast.Assign) and getattr(line.targets[0], "id", "") == "reason"
    ]
    assert not strays


def test_every_reason_that_an_engine_gives_is_declared() -> None:
    given = set()
    for file in (ROOT / "services" / "tryon" / "engines").rglob("*.py"):
        if "tests" not in file.parts:
            for node in ast.walk(ast.parse(file.read_text())):
                match node:
                    case ast.Call(args=[ast.Constant(value=str(text)), _, *_]) if re.fullmatch(
                        r"[A-Z]+(_[A-Z]+)+", text
                    ):
                        given.add(text)
    assert len(given) > 10
    assert given - {"CANCELED"} <= InputRefused.REASONS.keys()
    assert not InputRefused.REASONS.keys() - given - {"CANCELED"}


def test_whoever_needs_no_token_by_the_protos_needs_none_in_the_services() -> None:
    public = {method for owner in SERVICES for method in _public(owner)}
    assert {f"{call.service}/{call.name}" for call in SOURCE.calls if call.options.credentials} == public


def test_the_gateways_own_refusals_are_those_of_its_configuration() -> None:
    configured = set(re.findall(r"reason: ([A-Z_]+)", (ROOT / "gateway" / "envoy.yaml").read_text()))
    assert reasons.of_gateway().keys() == configured
