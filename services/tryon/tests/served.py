"""The service as others reach it: over a channel, behind its interceptor, with its fakes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc
from drape.auth.v1 import user_data_pb2_grpc
from drape.tryon.v1 import tryon_pb2 as pb
from drape.tryon.v1 import tryon_pb2_grpc

from services.kit import server, user_data
from services.kit.identity import UserTokens
from services.kit.rpc import Access
from services.kit.tests.credentials import ISSUER, Issuer, ServiceKeys, bearer
from services.tryon import servicer
from services.tryon.tests.shop import Shop

Metadata = tuple[tuple[str, str], ...]


@dataclass
class Tryon:
    """A running service with its fakes, and the keys of those who call it."""

    shop: Shop
    channel: grpc.aio.Channel
    keys: ServiceKeys
    issuer: Issuer

    def __post_init__(self) -> None:
        self.api = tryon_pb2_grpc.TryonServiceStub(self.channel)
        self.user_data = user_data_pb2_grpc.UserDataServiceStub(self.channel)

    def as_user(self, user: str, key: str = "") -> Metadata:
        """The metadata of a browser's call."""
        return bearer(self.issuer.token(user)) + ((("idempotency-key", key),) if key else ())

    def as_service(self, name: str, user: str) -> Metadata:
        """The metadata of a service's call."""
        return bearer(self.keys.of(name).sign("tryon", user))

    def spec(self, user: str, **options: Any) -> pb.TryonSpec:
        """What a user with a photo and an outfit asks for."""
        media = self.shop.media
        return pb.TryonSpec(
            person_image_id=media.add(user, "user"), outfit_image_id=media.add(user, "outfit"), **options
        )

    def generate(self, user: str, spec: pb.TryonSpec, key: str = "") -> "grpc.aio.UnaryUnaryCall[Any, Any]":
        """Asks for a picture."""
        return self.api.Generate(pb.GenerateRequest(spec=spec), metadata=self.as_user(user, key))

    async def create(self, user: str) -> pb.Job:
        """A new job."""
        request = pb.CreateJobRequest(spec=self.spec(user))
        return (await self.api.CreateJob(request, metadata=self.as_user(user))).job


async def headers_of(call: Any) -> dict[str, str]:
    """What the gateway makes headers of."""
    return {str(key): str(value) for key, value in await call.initial_metadata()}


@asynccontextmanager
async def serving(shop: Shop) -> AsyncIterator[Tryon]:
    """The shop's service, as `__main__` composes it."""
    keys, issuer = ServiceKeys(), Issuer()
    rpcs = (
        servicer.TryonServicer(shop.generation, shop.api_jobs, shop.webhooks),
        user_data.UserDataServicer(shop.api_jobs.forget_user),
    )
    service = server.Service(
        name="tryon",
        listen="127.0.0.1:0",
        drain_seconds=5,
        access=Access(public=servicer.PUBLIC, internal=user_data.INTERNAL),
        users=UserTokens(issuer.fetch, ISSUER),
        tokens=keys.of("tryon"),
        register=lambda grpc_server: [name for rpc in rpcs for name in rpc.register(grpc_server)],
    )
    running, _, port = await server.start(service)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield Tryon(shop, channel, keys, issuer)
    await running.stop(None)
