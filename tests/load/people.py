"""People who use the product as they do in a day: they browse most, upload now and then, generate, and buy credits."""

import asyncio
import contextlib
import random
import ssl
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx

from tests.e2e import pictures

PASSWORD = "correct horse battery"
PATIENCE = 120
Json = dict[str, Any]


@dataclass(frozen=True)
class Request:
    """One request and how it ended."""

    name: str
    idempotent: bool
    began: float
    ended: float
    status: int
    """0 when there was no answer."""
    problem: str = ""
    """What was wrong with the answer, or with there being none; empty when nothing was."""
    begun: bool = False
    """Whether the answer had begun to arrive: one that breaks off then cannot be given again by anybody between."""

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.ended - self.began


@dataclass
class Ledger:
    """Every request of everybody."""

    requests: list[Request] = field(default_factory=list)

    @property
    def problems(self) -> list[Request]:
        """Those that did not end as they should."""
        return [request for request in self.requests if request.problem]


class Person:
    """One person with a browser."""

    def __init__(self, url: str, ledger: Ledger, think: float, *, https: bool = False) -> None:
        """`think` is how many seconds pass between two things they do, on average."""
        self._ledger = ledger
        self._think = think
        verify: ssl.SSLContext | bool = True if https else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._http = httpx.AsyncClient(base_url=url, timeout=PATIENCE, verify=verify)
        self._photo = ""
        self._outfit = ""

    async def live(self, stop: asyncio.Event) -> None:
        """Signs up, brings two pictures, and does one thing after the other until `stop`."""
        async with self._http:
            await self._sign_up()
            things: list[tuple[Callable[[], Coroutine[Any, Any, None]], int]] = [
                (self._browse, 70),
                (self._upload, 10),
                (self._generate, 17),
                (self._buy, 3),
            ]
            while not stop.is_set():
                with contextlib.suppress(_Gone):
                    if not (self._photo and self._outfit):
                        await self._upload()
                    [(do, _)] = random.choices(things, [weight for _, weight in things])  # noqa: S311
                    await do()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), random.expovariate(1 / self._think))

    async def _sign_up(self) -> None:
        while True:
            form = {"email": f"{uuid4().hex}@example.com", "password": PASSWORD, "name": "Load"}
            try:
                answer = await self._ask("sign up", "POST", "/api/auth/register", 201, json=form)
            except _Gone:
                await asyncio.sleep(1)
                continue
            # Some clients of the API have no cookies, and plain HTTP keeps them from being sent anyway in production.
            self._http.headers["authorization"] = f"Bearer {answer.json()['token']}"
            return

    async def _browse(self) -> None:
        await self._ask("profile", "GET", "/api/user/profile", 200)
        gallery = await self._ask("gallery", "GET", "/api/images?pageSize=20", 200)
        images: list[Json] = gallery.json()["images"]
        for image in images[:4]:
            await self._ask("picture", "GET", image["url"], 200)
        await self._ask("balance", "GET", "/api/billing/balance", 200)

    async def _upload(self) -> None:
        for kind, data in (("user", pictures.person()), ("outfit", pictures.garment())):
            answer = await self._ask(
                "upload", "POST", "/api/images/upload", 201, data={"type": kind}, files={"image": ("photo", data)}
            )
            setattr(self, "_photo" if kind == "user" else "_outfit", answer.json()["image"]["id"])

    async def _generate(self) -> None:
        form = {"personImageId": self._photo, "outfitImageId": self._outfit}
        headers = {"idempotency-key": uuid4().hex}
        answer = await self._ask("generate", "POST", "/api/tryon/generate", 200, 202, 402, json=form, headers=headers)
        if answer.status_code == 402:
            await self._buy()
        elif answer.status_code == 200:
            await self._ask("picture", "GET", answer.json()["image"]["url"], 200)

    async def _buy(self) -> None:
        await self._ask("pricing", "GET", "/api/billing/pricing", 200)
        answer = await self._ask(
            "checkout",
            "POST",
            "/api/billing/checkout",
            200,
            json={"plan": "small", "type": "credits"},
            headers={"idempotency-key": uuid4().hex},
        )
        page = answer.json()["url"]
        if not (urlsplit(page).hostname or "").endswith("stripe.com"):  # there a person has to pay
            with contextlib.suppress(httpx.TransportError):
                await self._http.post(page, data={"action": "pay", "email": "payer@example.com"})

    async def _ask(self, name: str, method: str, path: str, *good: int, **how: Any) -> httpx.Response:
        """One request. Raises _Gone when it ends in another way than one of the `good` ones."""
        idempotent = method == "GET" or "idempotency-key" in how.get("headers", {})
        began = time.monotonic()
        status, problem, begun = 0, "", False
        try:
            async with self._http.stream(method, path, **how) as answer:
                begun = True
                await answer.aread()
        except httpx.TransportError as error:
            problem = type(error).__name__
            raise _Gone from error
        else:
            status = answer.status_code
            if status not in good:
                problem = f"{status} {_reason(answer)}"
                raise _Gone
            return answer
        finally:
            if status or problem:  # not when the load ended meanwhile
                ended = time.monotonic()
                self._ledger.requests.append(Request(name, idempotent, began, ended, status, problem, begun))


class _Gone(Exception):
    """The person gives up what they were doing."""


def _reason(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["details"][0]["reason"])
    except (ValueError, LookupError, TypeError):
        return "in no shape of ours"


@contextlib.asynccontextmanager
async def living(url: str, people: int, think: float) -> AsyncIterator[Ledger]:
    """So many people, for as long as the block lasts; each ends what it is at."""
    ledger, stop = Ledger(), asyncio.Event()
    https = url.startswith("https://")
    lives = [asyncio.create_task(Person(url, ledger, think, https=https).live(stop)) for _ in range(people)]
    try:
        yield ledger
    finally:
        stop.set()
        await asyncio.gather(*lives)
