"""A sandbox and a webhook receiver, each served over real HTTP on a loopback port."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import stripe
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.stripe.app import create_app
from sandbox.stripe.config import Config

KEY = "sk_test_sandbox"
SECRET = "whsec_test"
RETURN = "http://127.0.0.1:9/return"


@dataclass
class Receiver:
    """A webhook endpoint that verifies signatures and can be told to refuse."""

    url: str = ""
    events: list[stripe.Event] = field(default_factory=list)
    refuse: int = 0
    """How many of the next deliveries are answered 500."""

    async def answer(self, request: Request) -> Response:
        payload = await request.body()
        event = stripe.Webhook.construct_event(payload, request.headers["Stripe-Signature"], SECRET)
        if self.refuse:
            self.refuse -= 1
            return Response(status_code=500)
        self.events.append(event)
        return Response(status_code=200)

    @property
    def types(self) -> list[str]:
        """The types received, in order."""
        return [event.type for event in self.events]

    async def wait_for(self, event_type: str, count: int = 1) -> stripe.Event:
        """The `count`-th event of a type, once it has come."""
        await eventually(lambda: self.types.count(event_type) >= count, f"{event_type} in {self.types}")
        return [event for event in self.events if event.type == event_type][count - 1]


@dataclass
class Stack:
    """A running sandbox, as its users see it."""

    url: str
    client: stripe.StripeClient
    http: httpx.AsyncClient
    receiver: Receiver

    async def knobs(self, **changes: Any) -> None:
        """Turn knobs."""
        (await self.http.put("/_sandbox/knobs", json=changes)).raise_for_status()

    async def control(self, path: str, **body: Any) -> dict[str, Any]:
        """Use a test control."""
        answer = await self.http.post(f"/_sandbox/{path}", json=body)
        answer.raise_for_status()
        result: dict[str, Any] = answer.json()
        return result

    async def page(self, url: str, **form: str) -> httpx.Response:
        """Press a button of a hosted page."""
        return await self.http.post(url, data=form)


async def eventually(condition: Callable[[], Any], what: str = "the condition", seconds: float = 5) -> Any:
    """What the condition returns once it is true; an awaitable result is awaited."""
    deadline = time.monotonic() + seconds
    while True:
        result = condition()
        if isinstance(result, Awaitable):
            result = await result
        if result:
            return result
        assert time.monotonic() < deadline, f"Waited in vain for {what}."
        await asyncio.sleep(0.005)


@asynccontextmanager
async def serving(make: Callable[[str], Any]) -> AsyncIterator[str]:
    """Serve the application that `make` builds for its own address."""
    # Named as TCP: asyncio turns Nagle's algorithm off only then, and with it each answer waits 40 ms.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        server = uvicorn.Server(uvicorn.Config(make(url), log_level="warning", timeout_graceful_shutdown=1))
        task = asyncio.create_task(server.serve(sockets=[listener]))
        await eventually(lambda: server.started or task.done(), "the server")
        try:
            yield url
        finally:
            server.should_exit = True
            await task


@asynccontextmanager
async def running(receiver: Receiver, **settings: Any) -> AsyncIterator[Stack]:
    """A sandbox with these settings and its clients."""
    defaults: dict[str, Any] = {"webhook_url": receiver.url, "webhook_secret": SECRET, "retry_base_ms": 10}

    def make(url: str) -> Starlette:
        return create_app(Config(public_url=url, secret_key=KEY, **(defaults | settings)))

    async with serving(make) as url, httpx.AsyncClient(base_url=url, trust_env=False) as http:
        client = stripe.StripeClient(
            KEY,
            base_addresses={"api": url},
            max_network_retries=0,
        )
        yield Stack(url, client, http, receiver)


@pytest.fixture(scope="session")
async def shared_receiver() -> AsyncIterator[Receiver]:
    """The one receiver of the session."""
    receiver = Receiver()
    app = Starlette(routes=[Route("/hook", receiver.answer, methods=["POST"])])
    async with serving(lambda _: app) as url:
        receiver.url = f"{url}/hook"
        yield receiver


@pytest.fixture(scope="session")
async def shared_stack(shared_receiver: Receiver) -> AsyncIterator[Stack]:
    """The one sandbox of the session."""
    async with running(shared_receiver) as stack:
        yield stack


@pytest.fixture
async def stack(shared_stack: Stack) -> Stack:
    """A sandbox without any object, with every knob turned back."""
    await shared_stack.control("reset")
    shared_stack.receiver.events.clear()
    shared_stack.receiver.refuse = 0
    return shared_stack


@pytest.fixture
def state_file(tmp_path: Path) -> Path:
    """A file for `--state`."""
    return tmp_path / "state" / "stripe.json"


def one_item(amount: int = 900, **price: Any) -> list[Any]:
    """Line items with one inline price."""
    data = {"currency": "usd", "unit_amount": amount, "product_data": {"name": "10 credits"}} | price
    return [{"price_data": data, "quantity": 1}]


async def open_session(stack: Stack, **params: Any) -> stripe.checkout.Session:
    """An open session; in payment mode unless told otherwise."""
    defaults: Any = {
        "mode": "payment",
        "line_items": one_item(),
        "success_url": f"{RETURN}?session={{CHECKOUT_SESSION_ID}}",
        "cancel_url": f"{RETURN}?cancelled=1",
    }
    created: stripe.checkout.Session = await stack.client.v1.checkout.sessions.create_async(defaults | params)
    return created


async def new_price(stack: Stack, amount: int, interval: str = "month") -> stripe.Price:
    """A recurring price in US dollars."""
    product = await stack.client.v1.products.create_async({"name": f"Plan {amount}"})
    return await stack.client.v1.prices.create_async(
        {
            "product": product.id,
            "currency": "usd",
            "unit_amount": amount,
            "recurring": {"interval": interval},
        }
    )


async def new_customer(stack: Stack, card: str = "pm_card_visa", **details: Any) -> stripe.Customer:
    """A customer whose default payment method is a test card."""
    params: Any = details | {"invoice_settings": {"default_payment_method": card}}
    created: stripe.Customer = await stack.client.v1.customers.create_async(params)
    return created


async def subscribe(stack: Stack, price: stripe.Price) -> stripe.Subscription:
    """An active subscription of a new customer."""
    customer = await new_customer(stack)
    return await stack.client.v1.subscriptions.create_async({"customer": customer.id, "items": [{"price": price.id}]})
