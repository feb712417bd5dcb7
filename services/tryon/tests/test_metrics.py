"""What is counted, as an SDK's reader sees it. In a process of its own: a provider is set once for all."""

import json
import os
import subprocess
import sys

PROGRAM = """
import asyncio, json
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from services.tryon.engines.base import EngineFailed, InputProblem, Options, Result
from services.tryon.engines.chain import EngineChain, Limits
from services.tryon.metrics import QueueGauges, QueueState
from services.tryon.tests.fakes import FakeEngine, raising

reader = InMemoryMetricReader()
metrics.set_meter_provider(MeterProvider([reader]))

async def ignore(stage, done):
    pass

async def main():
    cheap, dear = FakeEngine("cheap"), FakeEngine("dear")
    chain = EngineChain([cheap, dear], 5, {"dear": Limits(5, cost_usd=0.25)})
    cheap.instead = raising(lambda: EngineFailed("no"))
    for _ in range(2):
        await chain.generate(b"", b"", Options(), ignore)
    cheap.instead = raising(lambda: InputProblem("NO_PERSON_FOUND", "Nobody."))
    try:
        await chain.generate(b"", b"", Options(), ignore)
    except InputProblem:
        pass
    stop = asyncio.Event()

    async def look():
        stop.set()
        return QueueState(7, 2, 31.5)

    await QueueGauges(look).run(stop)

asyncio.run(main())
found = {}
for metric in reader.get_metrics_data().resource_metrics[0].scope_metrics[0].metrics:
    for point in metric.data.data_points:
        value = point.count if hasattr(point, "count") else point.value
        found[" ".join((metric.name, *sorted(point.attributes.values())))] = value
print(json.dumps(found))
"""


def test_engines_and_the_queue_are_counted() -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "drape.tryon.engine.runs cheap failed": 2,
        "drape.tryon.engine.runs dear succeeded": 2,
        "drape.tryon.engine.runs NO_PERSON_FOUND cheap": 1,
        "drape.tryon.engine.duration cheap failed": 2,
        "drape.tryon.engine.duration dear succeeded": 2,
        "drape.tryon.engine.duration NO_PERSON_FOUND cheap": 1,
        "drape.tryon.engine.cost dear": 0.5,
        "drape.tryon.queue.waiting": 7,
        "drape.tryon.queue.running": 2,
        "drape.tryon.queue.oldest": 31.5,
    }
