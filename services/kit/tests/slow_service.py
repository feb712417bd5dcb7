"""A service whose one method and whose background work end when they are told to (SIGUSR1), and not before."""

import asyncio
import signal
import sys
from collections.abc import Iterable
from typing import Any

import grpc
import uvloop

from services.kit import server
from services.kit.identity import UserTokens
from services.kit.rpc import Access
from services.kit.telemetry import configure_logging
from services.kit.tests.credentials import ISSUER, Issuer, ServiceKeys
from services.kit.tests.echo import NAME, PUBLIC, Request, unary


async def main(drain_seconds: float, with_background: bool) -> None:
    """Serves until SIGTERM."""
    finish = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, finish.set)

    async def wait(request: Request, _: Any) -> Request:
        print("waiting", flush=True)
        await finish.wait()
        return request

    def register(grpc_server: grpc.aio.Server) -> Iterable[str]:
        grpc_server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(NAME, {"Public": unary(wait)}),))
        return (NAME,)

    async def work(_: asyncio.Event) -> None:
        await finish.wait()
        print("work done", flush=True)

    async def alongside(done: asyncio.Event) -> None:
        await done.wait()
        print("heard to the end", flush=True)

    async def close() -> None:
        print("closed", flush=True)

    await server.serve(
        server.Service(
            name="slow",
            listen="127.0.0.1:0",
            drain_seconds=drain_seconds,
            access=Access(public=frozenset({PUBLIC})),
            users=UserTokens(Issuer().fetch, ISSUER),
            tokens=ServiceKeys().of("billing"),
            register=register,
            background=(work,) if with_background else (),
            alongside=(alongside,),
            close=close,
        )
    )


if __name__ == "__main__":
    configure_logging("slow", "INFO")
    uvloop.run(main(float(sys.argv[1]), "background" in sys.argv))
