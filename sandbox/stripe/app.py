"""Puts the sandbox together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from . import (
    balance,
    checkout,
    clocks,
    control,
    customers,
    disputes,
    events,
    hosted,
    invoice_payments,
    invoices,
    payment_methods,
    payments,
    plan_changes,
    portal,
    portal_configurations,
    prices,
    products,
    refunds,
    scheduler,
    subscriptions,
)
from .api import Api
from .config import Config
from .core import Sandbox

_NOUNS = (
    balance,
    checkout,
    clocks,
    customers,
    disputes,
    events,
    invoice_payments,
    invoices,
    payment_methods,
    payments,
    plan_changes,
    portal,
    portal_configurations,
    prices,
    products,
    refunds,
    subscriptions,
)


def create_app(config: Config) -> Starlette:
    """The sandbox as an ASGI application; `app.state.sandbox` is its inside."""
    sandbox = Sandbox(config)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        tasks = [
            asyncio.create_task(job)
            for job in (sandbox.webhooks.run(), scheduler.keep_time(sandbox), scheduler.keep_saved(sandbox))
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await sandbox.store.saved()

    endpoints = [endpoint for noun in _NOUNS for endpoint in noun.ENDPOINTS]
    app = Starlette(
        routes=[
            Route("/_sandbox/health", _health),
            *control.routes(sandbox),
            *hosted.routes(sandbox),
            *Api(sandbox).routes(endpoints),
        ],
        lifespan=lifespan,
    )
    app.state.sandbox = sandbox
    return app


async def _health(_: Request) -> PlainTextResponse:
    return PlainTextResponse("ok")
