"""The auth service as others reach it: over a channel, composed as in production, with billing beside it."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from drape.auth.v1 import auth_pb2 as pb
from drape.auth.v1 import auth_pb2_grpc
from drape.billing.v1 import ledger_pb2
from envoy_api import authorization_pb2_grpc

from services.auth.__main__ import compose
from services.auth.settings import Settings
from services.auth.tests.people import PASSWORD, new_email
from services.kit import server
from services.kit.identity import ServiceTokens
from services.kit.tests.credentials import ServiceKeys

KEY_SECRET = "what the keys are encrypted with"
LEDGER = ledger_pb2.DESCRIPTOR.services_by_name["LedgerService"].full_name


@dataclass
class Billing:
    """A billing service in which everybody has 5 credits; knows whom it was asked about, and by whom."""

    tokens: ServiceTokens
    asked: list[tuple[str, str]] = field(default_factory=list)

    async def get_account(self, _: ledger_pb2.GetAccountRequest, context: Any) -> ledger_pb2.GetAccountResponse:
        """Answers auth's only call."""
        bearer = dict(context.invocation_metadata())["authorization"].removeprefix("Bearer ")
        caller = self.tokens.verify(bearer)
        assert caller, "not a service"
        self.asked.append((caller.service, caller.user_id))
        return ledger_pb2.GetAccountResponse(credits=5, subscription="FREE")

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """Serves, and gives the address."""
        handler = grpc.unary_unary_rpc_method_handler(
            self.get_account,
            request_deserializer=ledger_pb2.GetAccountRequest.FromString,
            response_serializer=ledger_pb2.GetAccountResponse.SerializeToString,
        )
        running = grpc.aio.server()
        running.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(LEDGER, {"GetAccount": handler}),))
        port = running.add_insecure_port("127.0.0.1:0")
        await running.start()
        yield f"127.0.0.1:{port}"
        await running.stop(None)


@dataclass(frozen=True)
class Answer:
    """What an RPC answered, and the headers it sent before."""

    message: Any
    headers: list[tuple[str, str]]

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies that were set, by name, without their attributes."""
        pairs = [value.split(";")[0].split("=", 1) for key, value in self.headers if key == "set-cookie"]
        return {name: value for name, value in pairs}  # noqa: C416 - the types of dict() are wider

    def header(self, name: str) -> str | None:
        """One header."""
        return dict(self.headers).get(name)


@dataclass
class Auth:
    """The running service."""

    channel: grpc.aio.Channel
    billing: Billing

    def __post_init__(self) -> None:
        self.stub = auth_pb2_grpc.AuthServiceStub(self.channel)
        self.envoy = authorization_pb2_grpc.AuthorizationStub(self.channel)

    async def ask(self, method: str, request: Any, metadata: Iterable[tuple[str, str]] = ()) -> Answer:
        """Calls a method."""
        call = getattr(self.stub, method)(request, metadata=tuple(metadata), timeout=10)
        message = await call
        return Answer(message, [(key, str(value)) for key, value in await call.initial_metadata()])

    async def join(self) -> tuple[str, Answer]:
        """Registers somebody; the e-mail, and the answer."""
        email = new_email()
        return email, await self.ask("Register", pb.RegisterRequest(email=email, password=PASSWORD, name="Ann"))


@asynccontextmanager
async def running(url: str, keys: ServiceKeys, billing: Billing, billing_address: str) -> AsyncIterator[Auth]:
    """The service on this database, with billing at this address."""
    config = Settings.model_validate(
        {
            "service_private_key": keys.private["auth"],
            "service_public_keys": keys.public,
            "billing_address": billing_address,
            "password_pepper": "pepper",
            "refresh_secret": "what successors are derived from",
            "key_encryption_secret": KEY_SECRET,
            "bcrypt_cost": 4,
        }
    )
    service = await compose(config, url)
    serving, _, port = await server.start(service)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield Auth(channel, billing)
    await serving.stop(None)
    assert service.close
    await service.close()
