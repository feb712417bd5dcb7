"""A sandbox inside the process that tests with it: over real HTTP, its inside in reach."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import uvicorn

from .app import create_app
from .config import Config
from .core import Run, Sandbox


@dataclass
class Inside:
    """A running sandbox."""

    url: str
    http: httpx.AsyncClient
    sandbox: Sandbox

    @property
    def runs(self) -> list[Run]:
        """What was begun, in order."""
        return list(self.sandbox.runs.values())

    async def knobs(self, **changes: Any) -> None:
        """Turns knobs."""
        (await self.http.put("/_sandbox/knobs", json=changes)).raise_for_status()

    async def fault(self, step: str, kind: str, **more: Any) -> None:
        """Has the next requests of a step fail."""
        await self.knobs(faults=[{"step": step, "kind": kind} | more])


async def eventually(condition: Callable[[], Any], seconds: float = 10) -> None:
    """Returns once the condition is true."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("Waited in vain.")
        await asyncio.sleep(0.005)


@asynccontextmanager
async def running(**settings: Any) -> AsyncIterator[Inside]:
    """Serves a sandbox on a loopback port of its own."""
    # Named as TCP: asyncio turns Nagle's algorithm off only then, and with it each answer waits 40 ms.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        app = create_app(Config(public_url=url, **settings))
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1))
        task = asyncio.create_task(server.serve(sockets=[listener]))
        await eventually(lambda: server.started or task.done())
        try:
            async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
                yield Inside(url, http, app.state.sandbox)
        finally:
            server.should_exit = True
            await task
