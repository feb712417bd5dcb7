"""What is tried again when a service says, or shows by dying, that it did not do it; and what never is."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health, health_pb2_grpc

from gateway.tests.envoys import Gateway, running

TRIES = 4
ENVOYS_OWN = {"x-envoy-retry-on": "5xx", "x-envoy-retry-grpc-on": "unavailable"}
KEY = {"idempotency-key": "one"}


class Unwilling(grpc.GenericRpcHandler):
    """Counts its calls and does none of them."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        """A handler of any method but the health check's."""
        method = str(handler_call_details.method)
        if "Health" in method or "Jwks" in method:
            return None
        if method.startswith("/envoy.service.auth"):
            return grpc.unary_unary_rpc_method_handler(lambda *_: b"")  # whoever asks may

        def refuse(_: bytes, context: grpc.ServicerContext) -> bytes:
            self.calls[method.rpartition("/")[2]] += 1
            context.abort(grpc.StatusCode.UNAVAILABLE, "not now")
            raise AssertionError

        return grpc.unary_unary_rpc_method_handler(refuse)


@pytest.fixture(scope="module")
def unwilling() -> Iterator[tuple[Unwilling, Gateway]]:
    """A gateway of a service that does nothing."""
    server, handler = grpc.server(ThreadPoolExecutor(4)), Unwilling()
    health_pb2_grpc.add_HealthServicer_to_server(health.HealthServicer(), server)
    server.add_generic_rpc_handlers((handler,))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with running(port, RATE_LIMIT="off") as gateway:
            yield handler, gateway
    finally:
        server.stop(None)


@pytest.mark.parametrize(
    ("method", "path", "headers", "rpc", "tries"),
    [
        ("GET", "/api/billing/pricing", {}, "GetPricing", TRIES),
        ("POST", "/api/auth/login", {}, "Login", 1),
        ("POST", "/api/auth/register", ENVOYS_OWN, "Register", 1),
        ("POST", "/api/tryon/jobs", KEY, "CreateJob", TRIES),
        ("POST", "/api/tryon/generate", {}, "Generate", 1),
        ("POST", "/api/auth/password/forgot", KEY, "ForgotPassword", 1),
    ],
    ids=["reads", "changes", "what a stranger says", "what has a key", "what may have one", "what knows no key"],
)  # fmt: skip
def test_what_is_tried_again(
    unwilling: tuple[Unwilling, Gateway], method: str, path: str, headers: dict[str, str], rpc: str, tries: int
) -> None:
    handler, gateway = unwilling
    answer = gateway.ask(method, path, headers=headers, **({"json": {}} if method == "POST" else {}))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert handler.calls[rpc] == tries, handler.calls
