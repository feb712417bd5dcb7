"""A provider that answers anything at all: an engine fails then, and nothing worse."""

import contextlib
import json
from typing import Any

import httpx
import pytest

from services.tryon.engines.base import EngineFailed, InputProblem, Options, Task
from services.tryon.engines.fal import Fal
from services.tryon.engines.fashn import Fashn
from services.tryon.engines.http import ProviderHttp
from services.tryon.engines.pace import RateLimit
from services.tryon.engines.pictures import upload_of
from services.tryon.engines.queued import Look, QueuedEngine
from services.tryon.engines.replicate import Replicate
from services.tryon.engines.vertex import Vertex
from services.tryon.tests.engines.bench import GARMENT, KEY, PERSON, QUICK, soon

URL = "http://provider.test"
VALUES: list[Any] = [None, 0, -1.5, True, "", "x", [], [None], [[]], [{}], [5], {}, {"name": []}]
FIELDS = ("id", "status", "output", "error", "detail", "images", "predictions", "logs", "error_type", "status_url")
RUN = json.dumps(dict.fromkeys(("request_id", "status_url", "response_url", "cancel_url"), f"{URL}/run"))
UNLIMITED = RateLimit(100_000, 1)


class Parrot:
    """Answers everything with the same."""

    def __init__(self) -> None:
        self.status = 200
        self.body: Any = {}
        transport = httpx.MockTransport(lambda _: httpx.Response(self.status, json=self.body))
        self.http = ProviderHttp(URL, client=httpx.AsyncClient(transport=transport))


@pytest.fixture
def parrot() -> Parrot:
    return Parrot()


@pytest.mark.parametrize("end", ["completed", "COMPLETED", "succeeded", "failed"])
@pytest.mark.parametrize("name", ["fashn", "fal", "replicate"])
async def test_an_engine_with_runs(name: str, end: str, parrot: Parrot) -> None:
    engines: dict[str, QueuedEngine] = {
        "fashn": Fashn(parrot.http, KEY, runs=UNLIMITED, looks=UNLIMITED),
        "fal": Fal(parrot.http, KEY),
        "replicate": Replicate(parrot.http, KEY),
    }
    person, garment = upload_of(PERSON, "person"), upload_of(GARMENT, "garment")
    for parrot.status in (200, 422):
        for field in FIELDS:
            for value in VALUES:
                parrot.body = {"id": "r", "status": end} | {field: value}
                with contextlib.suppress(EngineFailed, InputProblem):
                    assert isinstance(await engines[name].begin(person, garment, Options()), str)
                with contextlib.suppress(EngineFailed, InputProblem):
                    assert isinstance(await engines[name].look(RUN), Look)


@pytest.mark.parametrize("predictions", VALUES)
async def test_an_engine_without_runs(predictions: Any, parrot: Parrot) -> None:
    async def token() -> str:
        return "token"

    parrot.body = {"predictions": predictions}
    with pytest.raises(EngineFailed):
        await Vertex(parrot.http, token, "p", "l", QUICK).generate(Task(PERSON, GARMENT), soon())
