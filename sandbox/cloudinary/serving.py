"""A sandbox inside a test: on a free port of this machine, for as long as a block lasts."""

from __future__ import annotations

import asyncio
import dataclasses
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn

from .app import create_app
from .config import Config


@asynccontextmanager
async def serving(config: Config) -> AsyncIterator[Config]:
    """Serves a sandbox over real HTTP; the block is given the settings with the port that was bound."""
    # Named as TCP: asyncio turns Nagle's algorithm off only then, and with it each answer waits 40 ms.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind((config.host, 0))
        listener.listen()  # from here on connections wait until the server is ready
        bound = dataclasses.replace(config, port=listener.getsockname()[1])
        server = uvicorn.Server(uvicorn.Config(create_app(bound), log_level="critical", timeout_graceful_shutdown=1))
        task = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield bound
        finally:
            server.should_exit = True
            await task
