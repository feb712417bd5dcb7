"""How long Stripe waits for the answer to an event, which is given when the event is stored.

`make bench-webhook`. Signed events of the size of Stripe's go to the service over gRPC, one after the other and eight
at once, while the service acts on those that came before and asks a stand-in for Stripe about each of them.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import grpc
import stripe
import uvloop
from drape.billing.v1 import billing_pb2_grpc
from google.api.httpbody_pb2 import HttpBody

from sandbox.stack import free_ports
from services.kit import embedded
from services.kit.ids import new_id
from services.kit.tests.credentials import ServiceKeys
from tests.bench.ledger import ROOT, prepare, service

SECRET = "whsec_bench"
LIMIT_MS = 50
SIZE = 4_000


@contextmanager
def stand_in() -> Iterator[str]:
    """A stand-in for Stripe; its address."""
    port = free_ports()["stripe"]
    command = [sys.executable, "-m", "sandbox.stripe", "--port", str(port)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


async def deliver(stub: billing_pb2_grpc.BillingServiceStub) -> float:
    """Sends an event and gives the milliseconds until it was answered."""
    subject = {"id": f"in_{new_id()}", "object": "invoice", "description": "x" * SIZE}
    event = {"id": f"evt_{new_id()}", "type": "invoice.paid", "created": int(time.time()), "data": {"object": subject}}
    body = json.dumps(event)
    signature = stripe.WebhookSignature.generate_signature_header(body, SECRET, None)
    started = time.perf_counter()
    await stub.ReceiveWebhook(HttpBody(data=body.encode()), metadata=(("stripe-signature", signature),))
    return (time.perf_counter() - started) * 1000


async def measure(address: str, url: str, events: int) -> None:
    """Delivers the events and prints how long their answers took."""
    async with grpc.aio.insecure_channel(address) as channel:
        await asyncio.wait_for(channel.channel_ready(), 30)
        stub = billing_pb2_grpc.BillingServiceStub(channel)
        await asyncio.gather(*(deliver(stub) for _ in range(50)))  # warms up
        for clients in (1, 8):

            async def client(share: int) -> list[float]:
                return [await deliver(stub) for _ in range(share)]

            shares = await asyncio.gather(*(client(events // clients) for _ in range(clients)))
            taken = sorted(one for share in shares for one in share)
            late = ", ".join(f"p{part} {taken[len(taken) * part // 100]:.1f}" for part in (95, 99))
            inside = sum(one <= LIMIT_MS for one in taken) / len(taken)
            print(
                f"{len(taken)} events, {clients} at once, ms until the answer: median {statistics.median(taken):.1f}, "
                f"{late}, longest {taken[-1]:.1f}; {inside:.1%} within {LIMIT_MS} ms",
                flush=True,
            )
    connection = await asyncpg.connect(url)
    stored = await connection.fetchval("SELECT count(*) FROM stripe_events")
    await connection.close()
    assert stored == 50 + 2 * (events // 8 * 8), stored


def main() -> None:
    """Measures on a database of its own that is gone afterwards."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--events", type=int, default=1_000)
    chosen = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = embedded.service_url(Path(folder), "billing")
        try:
            asyncio.run(prepare(url))
            with stand_in() as stripe_api, service(url, ServiceKeys(), STRIPE_API_BASE=stripe_api) as address:
                uvloop.run(measure(address, url, chosen.events // 8 * 8))
        finally:
            embedded.stop(Path(folder))


if __name__ == "__main__":
    main()
