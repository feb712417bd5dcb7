"""What adapters must do whose providers sign webhooks: be told of a run's end, and believe nobody else."""

import asyncio
import dataclasses
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.engines.config import WEBHOOK_SECRET
from sandbox.engines.inside import Inside, eventually
from services.kit.database import Database
from services.kit.errors import ServiceError, http_status_of
from services.tryon.engines.base import Engine, Result, TryAgain
from services.tryon.engines.http import ProviderHttp
from services.tryon.engines.news import News
from services.tryon.engines.queued import Hears
from services.tryon.engines.signatures import FalSender, ReplicateSender
from services.tryon.tests.engines.bench import ADAPTERS, QUICK, Adapter, Bench, Told, soon
from services.tryon.webhooks import CHANNEL, Webhooks

NEVER = dataclasses.replace(QUICK, poll=3600)
SIGNING = [adapter for adapter in ADAPTERS if adapter.signs]
KEYS = "/.well-known/jwks.json"


@dataclass
class Ears:
    """What takes webhooks, and what brings what they say to another process by way of the database."""

    url: str
    news: News

    def hears(self, engine: str) -> Hears:
        """For one engine."""
        return Hears(f"{self.url}/{engine}", self.news)


def keys_of(inside: Inside) -> ProviderHttp:
    """A connection to where fal's keys are."""
    return ProviderHttp(inside.url, client=httpx.AsyncClient(trust_env=False))


@pytest.fixture
async def ears(database: Database, inside: Inside) -> AsyncIterator[Ears]:
    http = keys_of(inside)
    senders = {"replicate": ReplicateSender(WEBHOOK_SECRET), "fal": FalSender(http, f"{inside.url}{KEYS}")}
    webhooks, news, stop, hears = Webhooks(database, senders), News(), asyncio.Event(), asyncio.Event()

    async def take(request: Request) -> Response:
        try:
            await webhooks.receive(request.path_params["engine"], request.headers, request.stream())
        except ServiceError as error:
            return JSONResponse({}, http_status_of(error.code))
        return JSONResponse({"received": True})

    def heard(name: str) -> None:
        hears.set()
        news.heard(name)

    listening = asyncio.create_task(database.listen(CHANNEL, heard, stop))
    await asyncio.wait_for(hears.wait(), 10)
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        app = Starlette(routes=[Route("/{engine}", take, methods=["POST"])])
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1))
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        await eventually(lambda: server.started or serving.done())
        yield Ears(f"http://127.0.0.1:{listener.getsockname()[1]}", news)
        server.should_exit = True
        await serving
    stop.set()
    await listening
    await http.close()


async def begun(bench: Bench, told: Told, engine: Engine) -> "asyncio.Task[Result]":
    """Work on a picture that has looked once and now waits."""
    await bench.inside.knobs(held=True)
    work = asyncio.create_task(engine.generate(told.task(), soon(60)))
    await asyncio.wait_for(told.working.wait(), 20)
    return work


class TestEveryAdapterThatIsTold:
    """Providers that sign what they tell."""

    @pytest.fixture(params=SIGNING, ids=str)
    def bench(self, request: pytest.FixtureRequest, inside: Inside, account: Path, ears: Ears) -> Bench:
        # It looks once when a run is begun; if it had to look again by itself it would be too late.
        return Bench(request.param, inside, account, pace=NEVER, hears=ears.hears(request.param.name))

    @pytest.mark.parametrize("how", ["good", "twice"])
    async def test_it_looks_when_it_is_told_however_often(self, bench: Bench, how: str) -> None:
        told = Told()
        async with bench.engine() as engine:
            work = await begun(bench, told, engine)
            await bench.inside.knobs(held=False, webhooks=how)
            await work
        [run] = bench.inside.runs
        assert run.looks == 2
        await eventually(lambda: run.webhook_answers == [200] * (2 if how == "twice" else 1))

    async def test_it_looks_when_it_is_told_that_a_run_has_failed(self, bench: Bench) -> None:
        told = Told()
        await bench.inside.knobs(outcome=bench.adapter.moderated)
        async with bench.engine() as engine:
            work = await begun(bench, told, engine)
            await bench.inside.knobs(held=False)
            with pytest.raises(Exception, match="refused by a content check"):
                await work

    @pytest.mark.parametrize("how", ["forged", "unsigned", "stale", "future", "changed"])
    async def test_what_the_provider_has_not_signed_now_is_refused_and_changes_nothing(
        self, bench: Bench, how: str
    ) -> None:
        told = Told()
        async with bench.engine() as engine:
            work = await begun(bench, told, engine)
            await bench.inside.knobs(held=False, webhooks=how)
            [run] = bench.inside.runs
            await eventually(lambda: len(run.webhook_answers) == 4)
            assert (run.webhook_answers, run.looks, work.done()) == ([400] * 4, 1, False)
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)

    @pytest.mark.parametrize("how", ["lost", "forged"])
    async def test_without_a_good_one_the_picture_comes_all_the_same(self, bench: Bench, how: str) -> None:
        await bench.inside.knobs(run_ms=50, webhooks=how)
        async with bench.engine(pace=QUICK) as engine:
            await engine.generate(Told().task(), soon())
        assert len(bench.inside.runs) == 1

    async def test_it_tells_nobody_when_nobody_is_named(self, bench: Bench) -> None:
        async with bench.engine(pace=QUICK, hears=None) as engine:
            await engine.generate(Told().task(), soon())
        assert bench.inside.runs[0].webhook_answers == []


@pytest.mark.parametrize("adapter", [one for one in ADAPTERS if not one.signs], ids=str)
async def test_providers_that_sign_nothing_are_not_asked_to_tell(
    adapter: Adapter, inside: Inside, account: Path
) -> None:
    bench = Bench(adapter, inside, account, hears=Hears("http://127.0.0.1:9/", News()))
    async with bench.engine() as engine:
        await engine.generate(Told().task(), soon())
    assert bench.inside.runs[0].webhook_answers == []
    assert not [name for name in bench.inside.runs[0].given if "webhook" in name]


async def test_fals_keys_are_fetched_again_when_there_is_a_new_one_but_not_for_each_forgery(inside: Inside) -> None:
    now = 0.0
    http = keys_of(inside)
    sender = FalSender(http, f"{inside.url}{KEYS}", lambda: now)
    signing, stamp = inside.sandbox.signing, "1767225600"

    async def good() -> bool:
        return await sender.is_signed(signing.fal(b"{}", stamp, forged=False), b"{}")

    assert await good()
    signing.renew()
    assert not await good()
    now = 61
    assert await good()
    await inside.fault("keys", "error", count=0)
    assert not await sender.is_signed(signing.fal(b"{}", stamp, forged=True), b"{}")
    now = 4000
    assert await good(), "what was published last is good while fal does not answer"
    await http.close()


@pytest.mark.parametrize("kind", ["error", "garbage", "cut"])
async def test_without_fals_keys_nothing_is_refused_for_good(inside: Inside, kind: str) -> None:
    now = 0.0
    http = keys_of(inside)
    sender = FalSender(http, f"{inside.url}{KEYS}", lambda: now)
    headers = inside.sandbox.signing.fal(b"{}", "1767225600", forged=False)
    await inside.fault("keys", kind)
    for _ in range(2):  # the second time they are not even asked for
        with pytest.raises(TryAgain):
            await sender.is_signed(headers, b"{}")
    now = 6
    assert await sender.is_signed(headers, b"{}")
    await http.close()
