"""Channels to other services: deadlines on every call, retries where a call is safe to repeat."""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TypeVar

import grpc
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from drape.auth.v1 import auth_pb2, auth_pb2_grpc, revocation_pb2, revocation_pb2_grpc
from google.protobuf.message import Message
from google.rpc import error_details_pb2
from grpc import StatusCode
from grpc_status import rpc_status

from services.kit import telemetry
from services.kit.errors import ServiceError, Unavailable, error_info_of
from services.kit.identity import KeyFetcher, ServiceTokens, UserTokens, keys_from_jwks
from services.kit.revocation import RevokedFetcher, RevokedPage, RevokedSessions
from services.kit.tls import RenewedChannel, Tls
from services.kit.tracing import ClientTracing

# Larger than any picture a service takes (5 MB) or makes.
MAX_MESSAGE_BYTES = 32 * 1024 * 1024

RequestT = TypeVar("RequestT", bound=Message)
ResponseT = TypeVar("ResponseT", bound=Message)


class PeerError(ServiceError):
    """Another service refused. Carries what it said; the caller turns it into words of its own."""

    def __init__(self, code: StatusCode, info: error_details_pb2.ErrorInfo, message: str) -> None:
        super().__init__(message, **dict(info.metadata))
        self.code = code
        self.reason = info.reason or "PEER_ERROR"


def open_channel(address: str, idempotent: Iterable[str] = (), tls: Tls | None = None) -> grpc.aio.Channel:
    """A channel to host:port, or to several copies of a service by their IP addresses, with commas between them.

    Methods named `package.Service/Method` in `idempotent` are tried up to four times. Retries follow gRPC's own policy
    (gRFC A6): only on UNAVAILABLE, with growing, jittered pauses, inside the deadline.
    """
    names = [dict(zip(("service", "method"), name.split("/"), strict=True)) for name in idempotent]
    config = {
        "loadBalancingConfig": [{"round_robin": {}}],
        "methodConfig": [
            {
                "name": names,
                "retryPolicy": {
                    "maxAttempts": 4,
                    "initialBackoff": "0.1s",
                    "maxBackoff": "2s",
                    "backoffMultiplier": 3,
                    "retryableStatusCodes": ["UNAVAILABLE"],
                },
            }
        ]
        if names
        else [],
    }
    options = [
        ("grpc.service_config", json.dumps(config)),
        ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
        ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.max_reconnect_backoff_ms", 2_000),
    ]
    target = f"ipv4:{address}" if "," in address else address
    tracing = [ClientTracing(address)] if telemetry.exporting() else None
    if tls is None:
        return grpc.aio.insecure_channel(target, options=options, interceptors=tracing)
    return RenewedChannel(
        tls, lambda credentials: grpc.aio.secure_channel(target, credentials, options=options, interceptors=tracing)
    )


class Peer:
    """Calls to one other service, each with a service token for the user it is made for."""

    def __init__(self, audience: str, tokens: ServiceTokens, timeout: float = 5) -> None:
        self._audience = audience
        self._tokens = tokens
        self._timeout = timeout

    async def call(
        self,
        method: "grpc.aio.UnaryUnaryMultiCallable[RequestT, ResponseT]",
        request: RequestT,
        user_id: str,
        seconds: float | None = None,
    ) -> ResponseT:
        """Calls the method within `seconds`. Raises PeerError when it is refused, Unavailable when nobody answers."""
        token = self._tokens.sign(self._audience, user_id)
        try:
            return await method(
                request, timeout=seconds or self._timeout, metadata=(("authorization", f"Bearer {token}"),)
            )
        except grpc.aio.AioRpcError as error:
            raise _translated(error) from error


def _translated(error: grpc.aio.AioRpcError) -> ServiceError:
    if error.code() in (StatusCode.UNAVAILABLE, StatusCode.DEADLINE_EXCEEDED, StatusCode.CANCELLED):
        return Unavailable("The service is not available right now. Please try again later.")
    status = rpc_status.from_call(error)  # type: ignore[arg-type]
    info = error_info_of(status) if status else error_details_pb2.ErrorInfo()
    return PeerError(error.code(), info, error.details() or "")


def fetch_keys(channel: grpc.aio.Channel) -> KeyFetcher:
    """Fetches the public keys of access tokens from the auth service."""
    stub = auth_pb2_grpc.AuthServiceStub(channel)

    async def fetch() -> Mapping[str, Ed25519PublicKey]:
        try:
            answer = await stub.GetJwks(auth_pb2.GetJwksRequest(), timeout=5)
        except grpc.aio.AioRpcError as error:
            raise _translated(error) from error
        return keys_from_jwks((key.kid, key.x) for key in answer.keys)

    return fetch


def fetch_revoked(channel: grpc.aio.Channel, tokens: ServiceTokens) -> RevokedFetcher:
    """Fetches the sessions that have ended from the auth service."""
    stub = revocation_pb2_grpc.RevocationServiceStub(channel)
    peer = Peer("auth", tokens)

    async def fetch(since: datetime | None) -> RevokedPage:
        request = revocation_pb2.ListRevokedSessionsRequest()
        if since is not None:
            request.since.FromDatetime(since)
        answer = await peer.call(stub.ListRevokedSessions, request, user_id="")
        return RevokedPage(answer.session_ids, answer.next_since.ToDatetime(UTC), answer.keep_seconds)

    return fetch


def user_tokens(channel: grpc.aio.Channel, tokens: ServiceTokens, issuer: str) -> UserTokens:
    """Checks users' access tokens with what the auth service at the other end of the channel says."""
    return UserTokens(fetch_keys(channel), issuer, revoked=RevokedSessions(fetch_revoked(channel, tokens)))


JWKS_METHOD = "drape.auth.v1.AuthService/GetJwks"
REVOKED_METHOD = "drape.auth.v1.RevocationService/ListRevokedSessions"
