"""The protos against what Envoy has loaded: what is public is routed, and nothing else is."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import grpc
import pytest
from google.api import annotations_pb2
from google.protobuf import descriptor_pb2

from gateway.tests.envoys import DESCRIPTORS, Gateway, Json, Recorder, filter_of, routes_of

OPEN_TO_ALL = [
    "/grpc.health.v1.Health/Check",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
    "/envoy.service.auth.v3.Authorization/Check",
]
# What Envoy itself asks of auth.
OWN_QUESTIONS = {"/drape.auth.v1.AuthService/GetJwks", "/envoy.service.auth.v3.Authorization/Check"}


@dataclass(frozen=True)
class Rpc:
    """An RPC, and how it is reached over HTTP; `verb` and `path` are empty when it is not."""

    service: str
    name: str
    verb: str = ""
    path: str = ""

    @property
    def owner(self) -> str:
        """The service that serves it, which is its cluster's name."""
        return self.service.split(".")[1]


def _rpcs() -> Iterator[Rpc]:
    files = descriptor_pb2.FileDescriptorSet.FromString(DESCRIPTORS.read_bytes())
    for file in files.file:
        if file.package.startswith("drape."):
            for service in file.service:
                for method in service.method:
                    yield from _bindings(f"{file.package}.{service.name}", method)


def _bindings(service: str, method: descriptor_pb2.MethodDescriptorProto) -> Iterator[Rpc]:
    rule = method.options.Extensions[annotations_pb2.http]
    if not rule.WhichOneof("pattern"):
        yield Rpc(service, method.name)
        return
    for one in (rule, *rule.additional_bindings):
        verb = one.WhichOneof("pattern")
        yield Rpc(service, method.name, verb.upper(), re.sub(r"\{\w+\}", "0123-abc", getattr(one, verb)))


PUBLIC = [rpc for rpc in _rpcs() if rpc.verb]
INTERNAL = [rpc for rpc in _rpcs() if not rpc.verb]


def _matches(match: Json, path: str) -> bool:
    if "safe_regex" in match:
        return re.fullmatch(match["safe_regex"]["regex"], path) is not None
    return path == match["path"] if "path" in match else path.startswith(match["prefix"])


def _cluster(gateway: Gateway, path: str) -> str:
    # Those that look at headers refuse what is no JSON, before it is asked where a path leads.
    routes = (item for item in routes_of(gateway.listener("public")) if "headers" not in item["match"])
    route = next(item for item in routes if _matches(item["match"], path))
    return str(route["route"]["cluster"])


def test_there_are_public_and_internal_rpcs() -> None:
    assert len(PUBLIC) > 15
    assert {rpc.service.rpartition(".")[2] for rpc in INTERNAL} >= {
        "UserDataService",
        "ImageStoreService",
        "LedgerService",
    }


@pytest.mark.parametrize("rpc", PUBLIC, ids=lambda rpc: f"{rpc.verb} {rpc.path}")
def test_every_public_rpc_is_routed_to_its_own_service(gateway: Gateway, rpc: Rpc) -> None:
    assert _cluster(gateway, rpc.path) == rpc.owner


def test_a_service_is_public_or_internal_as_a_whole() -> None:
    assert not {rpc.service for rpc in PUBLIC} & {rpc.service for rpc in INTERNAL}


@pytest.mark.parametrize("listener", ["public", "jwks"])
def test_the_transcoder_knows_the_public_services_and_no_others(gateway: Gateway, listener: str) -> None:
    known = filter_of(gateway.listener(listener), "grpc_json_transcoder")["services"]
    assert set(known) == {rpc.service for rpc in PUBLIC}


@pytest.mark.parametrize("path", [f"/{rpc.service}/{rpc.name}" for rpc in (*INTERNAL, *PUBLIC)] + OPEN_TO_ALL)
def test_no_rpc_is_routed_by_its_grpc_path(gateway: Gateway, path: str) -> None:
    assert _cluster(gateway, path) == "nowhere"


@pytest.mark.parametrize("path", [f"/{rpc.service}/{rpc.name}" for rpc in INTERNAL] + OPEN_TO_ALL)
def test_internal_rpcs_cannot_be_reached_over_http(gateway: Gateway, recorder: Recorder, path: str) -> None:
    for content_type in (
        "application/json",
        "application/grpc",
        "application/grpc-web+proto",
        "application/x-protobuf",
    ):
        answer = gateway.ask("POST", path, content=b"{}", headers={"content-type": content_type})
        assert answer.status_code in (404, 415), answer.text
    assert set(recorder.called) <= OWN_QUESTIONS


@pytest.mark.parametrize("path", [f"/{rpc.service}/{rpc.name}" for rpc in (*INTERNAL, *PUBLIC)] + OPEN_TO_ALL)
def test_no_rpc_can_be_reached_over_grpc(gateway: Gateway, recorder: Recorder, path: str) -> None:
    with grpc.insecure_channel(gateway.url.removeprefix("http://")) as channel:
        call = channel.unary_unary(path, request_serializer=bytes, response_deserializer=bytes)
        with pytest.raises(grpc.RpcError):
            call(b"", timeout=5, metadata=(("authorization", "Bearer x"), ("x-user-id", "me")))
    assert set(recorder.called) <= OWN_QUESTIONS


def test_a_path_that_is_routed_reaches_its_service(gateway: Gateway, recorder: Recorder) -> None:
    gateway.ask("POST", "/api/auth/login", json={"email": "a", "password": "b"})
    assert "/drape.auth.v1.AuthService/Login" in recorder.called
