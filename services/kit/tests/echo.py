"""A service that does what each test wants of it, on a real channel behind the real interceptor."""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from drape.auth.v1 import auth_pb2 as pb

from services.kit import server
from services.kit.identity import UserTokens
from services.kit.rpc import Access
from services.kit.tests.credentials import ISSUER, Issuer, ServiceKeys, bearer

NAME = "test.v1.Echo"
PUBLIC = f"{NAME}/Public"

# Messages of the contract that have a rule of a field and one of the whole message.
Request = pb.RegisterRequest
GOOD = Request(email="ann@example.com", password="correct horse")


@dataclass
class Echo:
    """The running service and those who call it."""

    channel: grpc.aio.Channel
    address: str
    keys: ServiceKeys = field(default_factory=ServiceKeys)
    issuer: Issuer = field(default_factory=Issuer)

    def unary(
        self, method: str = "Private", request: Request = GOOD, metadata: Iterable[Any] = (), timeout: float = 10
    ) -> Any:
        """Calls a method that takes one message and gives one."""
        call = self.channel.unary_unary(
            f"/{NAME}/{method}",
            request_serializer=Request.SerializeToString,
            response_deserializer=Request.FromString,
        )
        return call(request, metadata=tuple(metadata), timeout=timeout)

    def as_user(self, user: str = "ann") -> tuple[tuple[str, str], ...]:
        """The metadata of a browser's call."""
        return bearer(self.issuer.token(user))

    def as_service(self, name: str, user: str = "ann") -> tuple[tuple[str, str], ...]:
        """The metadata of a service's call."""
        return bearer(self.keys.of(name).sign("billing", user))


def unary(behaviour: Any) -> Any:
    """The handler of a method that takes one message and gives one."""
    return grpc.unary_unary_rpc_method_handler(
        behaviour, request_deserializer=Request.FromString, response_serializer=Request.SerializeToString
    )


@asynccontextmanager
async def serving(
    handlers: Mapping[str, Any], access: Access | None = None, users: UserTokens | None = None
) -> AsyncIterator[Echo]:
    """Serves these methods; only `Public` needs no token unless `access` says otherwise."""
    keys, issuer = ServiceKeys(), Issuer()

    def register(grpc_server: grpc.aio.Server) -> Iterable[str]:
        grpc_server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(NAME, dict(handlers)),))
        return (NAME,)

    service = server.Service(
        name="billing",
        listen="127.0.0.1:0",
        drain_seconds=1,
        access=access or Access(public=frozenset({PUBLIC})),
        users=users or UserTokens(issuer.fetch, ISSUER),
        tokens=keys.of("billing"),
        register=register,
    )
    running, _, port = await server.start(service)
    try:
        address = f"127.0.0.1:{port}"
        async with grpc.aio.insecure_channel(address) as channel:
            yield Echo(channel, address, keys, issuer)
    finally:
        await running.stop(None)
