"""What a caller sees of an error."""

from collections.abc import Awaitable
from dataclasses import dataclass, field

import grpc
import pytest
from grpc import StatusCode
from grpc_status import rpc_status

from services.kit.errors import error_info_of
from services.kit.http import STATUS_KEY


@dataclass(frozen=True)
class Refusal:
    """A refused call: the ErrorInfo's parts, and the HTTP status if the code does not tell it."""

    code: StatusCode
    reason: str
    message: str
    metadata: dict[str, str] = field(default_factory=dict)
    http_status: str | None = None


async def refusal(call: Awaitable[object]) -> Refusal:
    """How the call was refused. Fails when it was not."""
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call
    error = refused.value
    status = rpc_status.from_call(error)  # type: ignore[arg-type]
    assert status, f"an error without details: {error.details()}"
    info = error_info_of(status)
    http_status = dict(error.initial_metadata()).get(STATUS_KEY)
    assert not isinstance(http_status, bytes)
    return Refusal(error.code(), info.reason, status.message, dict(info.metadata), http_status)
