"""The stand-in for Stripe on a loopback port, and the hands that a person and Stripe have in it."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import stripe
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.stripe.app import create_app
from sandbox.stripe.config import Config
from services.billing.errors import SignatureInvalid
from services.kit.tests.waiting import eventually

SECRET_KEY = "sk_test_billing"
WEBHOOK_SECRET = "whsec_billing"


@dataclass(frozen=True)
class Delivery:
    """A webhook as it was sent."""

    body: bytes
    signature: str

    @property
    def event(self) -> Any:
        """What the body says."""
        return json.loads(self.body)


@dataclass
class StripeSandbox:
    """A running sandbox. What it delivers is kept, and passed to `receive` if that is set."""

    url: str
    http: httpx.AsyncClient
    client: stripe.StripeClient
    deliveries: list[Delivery] = field(default_factory=list)
    receive: Callable[[bytes, str], Awaitable[None]] | None = None

    async def reset(self) -> None:
        """Forgets everything and turns the knobs back."""
        self.receive = None
        await self.control("reset")
        self.deliveries.clear()

    async def knobs(self, **values: object) -> None:
        """Turns knobs."""
        (await self.http.put("/_sandbox/knobs", json=values)).raise_for_status()

    async def control(self, path: str, **body: object) -> None:
        """Uses a control for tests."""
        (await self.http.post(f"/_sandbox/{path}", json=body)).raise_for_status()

    async def press(self, page: str, action: str) -> httpx.Response:
        """Presses a button of a hosted page."""
        return await self.http.post(page, data={"action": action, "email": "ann@example.com"})

    async def sessions(self) -> list[str]:
        """The ids of all checkout sessions."""
        return [session.id for session in (await self.client.v1.checkout.sessions.list_async()).data]

    async def delivered(self, event_type: str, count: int = 1) -> list[Delivery]:
        """All deliveries so far, once `count` of that type have come."""

        async def come() -> bool:
            types = [delivery.event["type"] for delivery in self.deliveries]
            return types.count(event_type) >= count

        await eventually(come, f"{count} {event_type}")
        return list(self.deliveries)

    async def _answer(self, request: Request) -> Response:
        delivery = Delivery(await request.body(), request.headers["Stripe-Signature"])
        self.deliveries.append(delivery)
        try:
            if self.receive:
                await self.receive(delivery.body, delivery.signature)
        except SignatureInvalid:
            return Response(status_code=400)
        return Response()


@asynccontextmanager
async def running_sandbox() -> AsyncIterator[StripeSandbox]:
    """A sandbox that delivers its webhooks to us."""
    async with httpx.AsyncClient(trust_env=False) as http:
        sandbox = StripeSandbox("", http, stripe.StripeClient(SECRET_KEY))
        hook = Starlette(routes=[Route("/hook", sandbox._answer, methods=["POST"])])
        async with _serving(lambda _: hook) as receiver:

            def make(url: str) -> Starlette:
                hook_url = f"{receiver}/hook"
                return create_app(
                    Config(public_url=url, secret_key=SECRET_KEY, webhook_url=hook_url, webhook_secret=WEBHOOK_SECRET)
                )

            async with _serving(make) as sandbox.url:
                http.base_url = httpx.URL(sandbox.url)
                sandbox.client = stripe.StripeClient(SECRET_KEY, base_addresses={"api": sandbox.url})
                yield sandbox


@asynccontextmanager
async def _serving(make: Callable[[str], Starlette]) -> AsyncIterator[str]:
    # Named as TCP: only then asyncio turns off Nagle's algorithm, with which each answer waits 40 ms.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        server = uvicorn.Server(uvicorn.Config(make(url), log_level="warning", timeout_graceful_shutdown=1))
        task = asyncio.create_task(server.serve(sockets=[listener]))

        async def started() -> bool:
            return server.started

        await eventually(started, "the sandbox")
        try:
            yield url
        finally:
            server.should_exit = True
            await task


def signed(event: object, secret: str = WEBHOOK_SECRET, at: int | None = None) -> tuple[bytes, str]:
    """The body of a hand-made webhook and its signature."""
    body = event if isinstance(event, str) else json.dumps(event)
    return body.encode(), stripe.WebhookSignature.generate_signature_header(body, secret, at)
