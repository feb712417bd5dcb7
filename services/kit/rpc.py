"""What happens around every RPC: who is calling, is the request valid, what to tell when it fails."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, NoReturn, TypeAlias

import grpc
import protovalidate
from google.protobuf.message import Message
from grpc import StatusCode
from grpc_status import rpc_status

from services.kit.errors import Invalid, ServiceError, Unauthenticated, Unavailable, http_status_of, status_of
from services.kit.http import NO_STORE, STATUS_KEY, metadata_of
from services.kit.identity import Caller, ServiceTokens, UserTokens, caller_or_none, set_caller, tokens_in
from services.kit.telemetry import log_context

log = logging.getLogger("rpc")

Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]
OPEN_SERVICES = ("grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection")


@dataclass(frozen=True)
class Access:
    """Who may call what. Every method that is named nowhere needs a user's access token."""

    public: frozenset[str] = field(default_factory=frozenset)
    """Methods, as package.Service/Method, that need no credentials."""
    internal: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Services, as package.Service, for other services only, and the names of those that may call them."""


class RpcInterceptor(grpc.aio.ServerInterceptor):
    """Wraps every RPC: authenticates, validates the request, translates errors, writes one log line."""

    def __init__(self, access: Access, users: UserTokens, services: ServiceTokens) -> None:
        self._access = access
        self._users = users
        self._services = services
        self._handlers: dict[str, Any] = {}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """Wraps the handler's behaviour, whichever of the four kinds it is."""
        method = handler_call_details.method.lstrip("/")
        if method in self._handlers:
            return self._handlers[method]
        handler = await continuation(handler_call_details)
        if handler is None or method.split("/")[0] in OPEN_SERVICES:
            return handler
        # Handlers stay the same for as long as the server lives.
        return self._handlers.setdefault(method, self._wrapped(handler, method))

    def _wrapped(self, handler: Any, method: str) -> Any:
        make: Any = {
            (False, False): grpc.unary_unary_rpc_method_handler,
            (False, True): grpc.unary_stream_rpc_method_handler,
            (True, False): grpc.stream_unary_rpc_method_handler,
            (True, True): grpc.stream_stream_rpc_method_handler,
        }[handler.request_streaming, handler.response_streaming]
        behavior = handler.unary_unary or handler.unary_stream or handler.stream_unary or handler.stream_stream

        async def unary(request: Any, context: Context) -> Any:
            async with self._scope(method, context):
                _validate(request)
                return await behavior(self._while_signed_in(request), context)

        async def stream(request: Any, context: Context) -> AsyncIterator[Any]:
            async with self._scope(method, context):
                _validate(request)
                async for answer in behavior(self._while_signed_in(request), context):
                    self._check_still_signed_in()
                    yield answer

        return make(
            stream if handler.response_streaming else unary,
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )

    def _while_signed_in(self, request: Any) -> Any:
        """The request; a stream of messages breaks off when its sender's session ends meanwhile."""
        return self._checked(request) if hasattr(request, "__aiter__") else request

    async def _checked(self, messages: AsyncIterator[Any]) -> AsyncIterator[Any]:
        async for message in messages:
            yield message
            del message  # large ones would be kept while the next is waited for
        self._check_still_signed_in()

    def _check_still_signed_in(self) -> None:
        if (found := caller_or_none()) and self._users.has_ended(found):
            raise Unauthenticated("Invalid or expired token")

    @asynccontextmanager
    async def _scope(self, method: str, context: Context) -> AsyncIterator[None]:
        started = time.perf_counter()
        metadata = metadata_of(context)
        log_context.set({"request_id": metadata.get("x-request-id", "")})
        outcome = StatusCode.OK
        try:
            await self._authenticate(method, metadata)
            yield
        except ServiceError as error:
            outcome = error.code
            await _abort(context, error)
        except asyncio.CancelledError:
            outcome = StatusCode.CANCELLED
            raise
        except Exception as error:
            if context.done() or isinstance(error, grpc.aio.AbortError):
                raise
            outcome = StatusCode.INTERNAL
            log.exception("unexpected error", extra={"method": method})
            await _abort(context, ServiceError("Something went wrong. Please try again later."))
        finally:
            milliseconds = round((time.perf_counter() - started) * 1000, 1)
            log.info(method, extra={"code": outcome.name, "ms": milliseconds})

    async def _authenticate(self, method: str, metadata: Mapping[str, str]) -> None:
        found: Caller | None = None
        tokens: list[str] = []
        if (allowed := self._access.internal.get(method.split("/")[0])) is not None:
            bearer = metadata.get("authorization", "").removeprefix("Bearer ")
            found = self._services.verify(bearer)
            if found is None or found.service not in allowed:
                raise Unauthenticated("A service token is required")
        elif tokens := tokens_in(metadata):
            try:
                found = await self._users.first_valid(tokens)
            except Unavailable:
                if method not in self._access.public:
                    raise
        if found is None and method not in self._access.public:
            raise Unauthenticated("Invalid or expired token" if tokens else "Authentication required")
        set_caller(found)
        if found:
            log_context.set({**log_context.get(), "user_id": found.user_id})


def _validate(request: object) -> None:
    if isinstance(request, Message) and (violations := protovalidate.collect_violations(request)):
        raise Invalid(violations)


async def _abort(context: Context, error: ServiceError) -> NoReturn:
    status = rpc_status.to_status(status_of(error))
    headers = list(error.headers)
    if error.http_status not in (None, http_status_of(error.code)):
        headers.append((STATUS_KEY, str(error.http_status)))
    if error.retry_after is not None:
        headers.append(("retry-after", str(error.retry_after)))
    if headers:
        # Only then: a caller retries no call that has begun to answer, and headers are a beginning (gRFC A6).
        await _send_headers(context, [NO_STORE, *headers])
    await context.abort_with_status(status)
    raise AssertionError("abort has returned")


async def _send_headers(context: Context, headers: list[tuple[str, str]]) -> None:
    try:
        await context.send_initial_metadata(headers)
    except (grpc.aio.UsageError, RuntimeError):
        log.warning("the headers of an error came after the first answer")
