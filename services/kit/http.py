"""What an RPC says in HTTP's terms, as initial metadata that the gateway turns into status and headers."""

from typing import Any

import grpc

STATUS_KEY = "x-http-status"
NO_STORE = ("cache-control", "no-store")


async def respond(
    context: "grpc.aio.ServicerContext[Any, Any]",
    status: int | None = None,
    headers: tuple[tuple[str, str], ...] = (),
    cookies: tuple[str, ...] = (),
) -> None:
    """Sends status, headers and Set-Cookie values before the answer. At most once an RPC."""
    metadata = [*headers, *(("set-cookie", cookie) for cookie in cookies)]
    if status is not None:
        metadata.append((STATUS_KEY, str(status)))
    await context.send_initial_metadata(metadata)


def metadata_of(context: "grpc.aio.ServicerContext[Any, Any]") -> dict[str, str]:
    """The request's headers, names in lower case; of a repeated one the last."""
    return {key: value for key, value in context.invocation_metadata() or () if isinstance(value, str)}
