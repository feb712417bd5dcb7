"""Puts the sandbox together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette

from . import control, fal, fashn, files, replicate, vertex
from .config import Config
from .core import Sandbox

_PROVIDERS = (
    fashn.PROVIDER,
    fal.PROVIDER,
    fal.PLATFORM,
    fal.PUBLIC,
    replicate.PROVIDER,
    vertex.PROVIDER,
    vertex.TOKENS,
    files.PROVIDER,
)


def create_app(config: Config) -> Starlette:
    """The sandbox as an ASGI application; `app.state.sandbox` is its inside."""
    sandbox = Sandbox(config)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        sandbox.reset()
        sandbox.painter.close()

    routes = [*control.routes(sandbox), *(route for provider in _PROVIDERS for route in provider.routes(sandbox))]
    app = Starlette(routes=routes, lifespan=lifespan)
    app.state.sandbox = sandbox
    return app
