"""Mutual TLS on real connections: who may speak to whom, and certificates that are renewed meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc import StatusCode
from grpc_health.v1 import health_pb2

from services.kit import client, server
from services.kit.identity import UserTokens
from services.kit.probe import healthy
from services.kit.rpc import Access
from services.kit.tests.authority import Authority
from services.kit.tests.credentials import ISSUER, Issuer, ServiceKeys
from services.kit.tests.echo import GOOD, NAME, PUBLIC, Request, unary
from services.kit.tls import RenewedChannel, Tls


async def _peer_name(_: Request, context: Any) -> Request:
    (name,) = context.auth_context()["x509_common_name"]
    return Request(email=GOOD.email, password=GOOD.password, name=name.decode())


@asynccontextmanager
async def serving(tls: Tls) -> AsyncIterator[tuple[int, Any]]:
    """A service that tells a caller the name on its certificate; its port and its health checks."""

    def register(grpc_server: grpc.aio.Server) -> Iterable[str]:
        handlers = {"Public": unary(_peer_name)}
        grpc_server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(NAME, handlers),))
        return (NAME,)

    service = server.Service(
        name="billing",
        listen="127.0.0.1:0",
        drain_seconds=1,
        access=Access(public=frozenset({PUBLIC})),
        users=UserTokens(Issuer().fetch, ISSUER),
        tokens=ServiceKeys().of("billing"),
        register=register,
        tls=tls,
    )
    running, checks, port = await server.start(service)
    try:
        yield port, checks
    finally:
        await running.stop(None)


async def ask(channel: grpc.aio.Channel) -> str:
    """The name that the service sees."""
    call = channel.unary_unary(
        f"/{PUBLIC}", request_serializer=Request.SerializeToString, response_deserializer=Request.FromString
    )
    answer: Request = await call(GOOD, timeout=5)
    return answer.name


@pytest.fixture
def authority() -> Authority:
    """Who signs everybody's certificate."""
    return Authority()


async def test_a_service_with_a_certificate_is_heard(authority: Authority, tmp_path: Path) -> None:
    shown = authority.issue(tmp_path / "tryon", "tryon")
    async with (
        serving(authority.issue(tmp_path / "billing", "localhost")) as (port, _),
        client.open_channel(f"localhost:{port}", tls=shown) as channel,
    ):
        assert await ask(channel) == "tryon"


async def test_a_caller_without_a_certificate_of_the_authority_is_not_heard(
    authority: Authority, tmp_path: Path
) -> None:
    stranger = Authority().issue(tmp_path / "stranger", "tryon")
    # It knows whom to trust, and nobody trusts it.
    stranger.ca_file.write_bytes(authority.issue(tmp_path / "any", "any").ca_file.read_bytes())
    server_only = grpc.ssl_channel_credentials(stranger.ca_file.read_bytes())
    async with serving(authority.issue(tmp_path / "billing", "localhost")) as (port, _):
        address = f"localhost:{port}"
        for channel in (
            client.open_channel(address),
            client.open_channel(address, tls=stranger),
            grpc.aio.secure_channel(address, server_only),
        ):
            async with channel:
                with pytest.raises(grpc.aio.AioRpcError) as refused:
                    await ask(channel)
                assert refused.value.code() is StatusCode.UNAVAILABLE


async def test_a_service_of_another_name_is_not_trusted(authority: Authority, tmp_path: Path) -> None:
    shown = authority.issue(tmp_path / "tryon", "tryon")
    async with (
        serving(authority.issue(tmp_path / "billing", "media")) as (port, _),
        client.open_channel(f"localhost:{port}", tls=shown) as channel,
    ):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await ask(channel)
        assert refused.value.code() is StatusCode.UNAVAILABLE


async def test_both_ends_use_renewed_certificates_without_a_restart(authority: Authority, tmp_path: Path) -> None:
    served = authority.issue(tmp_path / "billing", "localhost")
    shown = authority.issue(tmp_path / "tryon", "before")
    async with serving(served) as (port, _):
        async with client.open_channel(f"localhost:{port}", tls=shown) as channel:
            assert isinstance(channel, RenewedChannel)
            assert await ask(channel) == "before"
            # Another authority altogether: nothing of the old one is accepted by those who connect from now on.
            successor = Authority("successor")
            successor.issue(tmp_path / "billing", "localhost")
            assert await ask(channel) == "before", "connections that are open stay so"
            successor.issue(tmp_path / "tryon", "after")
            channel.renew()
            assert await ask(channel) == "after"
        old = authority.issue(tmp_path / "old", "old")
        async with client.open_channel(f"localhost:{port}", tls=old) as channel:
            with pytest.raises(grpc.aio.AioRpcError):
                await ask(channel)


async def test_half_a_renewal_changes_nothing(authority: Authority, tmp_path: Path) -> None:
    served = authority.issue(tmp_path / "billing", "localhost")
    shown = authority.issue(tmp_path / "tryon", "tryon")
    async with serving(served) as (port, _):
        served.key_file.unlink()
        shown.cert_file.unlink()
        authority.issue(tmp_path / "media", "media")
        async with client.open_channel(
            f"localhost:{port}", tls=Tls(tmp_path / "media" / "tls.crt", tmp_path / "media" / "tls.key", shown.ca_file)
        ) as channel:
            assert await ask(channel) == "media"
            assert isinstance(channel, RenewedChannel)
            (tmp_path / "media" / "tls.key").unlink()
            channel.renew()
            assert await ask(channel) == "media"


async def test_health_can_be_asked_for_without_a_certificate_on_a_port_of_its_own(
    authority: Authority, tmp_path: Path
) -> None:
    async with serving(authority.issue(tmp_path / "billing", "localhost")) as (port, checks):
        probes, open_port = await server.start_probes("127.0.0.1:0", checks)
        try:
            assert await _healthy(open_port)
            assert not await _healthy(port)
            async with grpc.aio.insecure_channel(f"127.0.0.1:{open_port}") as channel:
                with pytest.raises(grpc.aio.AioRpcError) as refused:
                    await ask(channel)
                assert refused.value.code() is StatusCode.UNIMPLEMENTED
            await checks.set("", health_pb2.HealthCheckResponse.NOT_SERVING)
            assert not await _healthy(open_port)
        finally:
            await probes.stop(None)


async def _healthy(port: int) -> bool:
    return await asyncio.to_thread(healthy, f"127.0.0.1:{port}")
