"""Whatever is killed at whichever of the failpoints, another process brings the job to its one right end."""

import asyncio
import json
import signal
import time
from base64 import b64encode
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import Any

import grpc
import psutil
import pytest
from drape.auth.v1 import user_data_pb2, user_data_pb2_grpc
from drape.billing.v1 import ledger_pb2, ledger_pb2_grpc
from drape.tryon.v1 import tryon_pb2 as pb
from drape.tryon.v1 import tryon_pb2_grpc
from google.api.httpbody_pb2 import HttpBody

from sandbox import secrets
from sandbox.engines.config import WEBHOOK_SECRET
from sandbox.engines.webhooks import Signing
from services.kit.database import Database
from services.kit.identity import ServiceTokens
from services.kit.ids import new_id
from services.tryon import leftovers
from services.tryon.engines.base import ProviderRun
from tests.e2e import pictures
from tests.e2e.audit import Audit
from tests.e2e.crashes.conftest import EACH_SECOND, Patron, World
from tests.e2e.faults import rows
from tests.e2e.fitting import JOBS, ask
from tests.e2e.polling import until

Check = Callable[[], object]
SIDES = ("before", "after")
KEY = "key"


def test_every_failpoint_is_walked(world: World) -> None:
    known = set(world.nursery.ask(names=True))
    walked = {f"{step}.{side}" for step in (*OF_WORKERS, *OF_THE_SERVICE) for side in SIDES}
    assert walked == known


@pytest.fixture(autouse=True)
def _nothing_is_left(world: World) -> Iterator[None]:
    """After each death: no task, no open hold, no picture without its job, and books that balance."""
    yield
    world.runs()
    world.until_idle()
    assert rows(world.stack, "billing", "SELECT user_id FROM holds WHERE state = 'open'") == []
    pictures = {key for (key,) in rows(world.stack, "media", "SELECT source_key FROM images WHERE type = 'generated'")}
    assert pictures == {key for (key,) in world.rows("SELECT id FROM jobs WHERE state = 'succeeded'")}
    assert world.rows("SELECT id, state FROM jobs WHERE state NOT IN ('succeeded', 'failed', 'canceled')") == []
    Audit(world.stack).check()


def ended(world: World, patron: Patron, state: str) -> None:
    """Waits until the user's one job is finished, and looks at what it has cost."""

    def finished() -> list[tuple[str, str]]:
        found = world.rows("SELECT id, state FROM jobs WHERE user_id = $1", patron.user_id)
        return [(job_id, now) for job_id, now in found if now in ("succeeded", "failed", "canceled")]

    ((job_id, now),) = until("the job is finished", finished, 30)
    assert now == state
    captures = "SELECT count(*) FROM entries WHERE user_id = $1 AND kind = 'capture'"
    made = 1 if state == "succeeded" else 0
    assert rows(world.stack, "billing", captures, patron.user_id) == [(made,)]
    assert patron.browser.credits() == 5 - made
    images = patron.browser.images(type="generated")
    assert len(images) == made
    assert all(image["metadata"]["jobId"] == job_id for image in images)


# Of the workers: one is stopped, the other takes the job and dies over it, the first one goes on.


def a_job(world: World) -> Check:
    """A picture is made."""
    patron = world.patron()
    ask(patron.browser, patron.form)
    return lambda: ended(world, patron, "succeeded")


def a_job_that_takes_a_while(world: World) -> Check:
    """There is progress to tell."""
    world.runs(seconds=0.5)
    return a_job(world)


def a_refused_job(world: World) -> Check:
    """The provider refuses the pictures."""
    world.runs("ContentModerationError")
    patron = world.patron()
    ask(patron.browser, patron.form)
    return lambda: ended(world, patron, "failed")


def a_job_whose_user_is_gone(world: World) -> Check:
    """Nothing is left of it but its task."""
    patron = world.patron()
    job_id = ask(patron.browser, patron.form)["id"]
    patron.browser.delete_account()
    gone = "SELECT 1 FROM jobs WHERE id = $1"
    until("the job is deleted", lambda: not world.rows(gone, job_id))
    return world.until_idle


def an_abandoned_job(world: World) -> Check:
    """The service has died a while ago, its credit may have been set aside."""
    patron = world.patron()
    job_id = insert(world, patron, "created", datetime.now(UTC) - timedelta(seconds=61))
    asyncio.run(hold(world, patron.user_id, job_id))
    return lambda: ended(world, patron, "failed")


def a_job_that_was_left_behind(world: World) -> Check:
    """It should stand in line and does not."""
    patron = world.patron()
    job_id = insert(world, patron, "held", datetime.now(UTC))
    asyncio.run(hold(world, patron.user_id, job_id))
    return lambda: ended(world, patron, "succeeded")


def what_is_left_of_a_run(world: World) -> Check:
    """fal keeps what went into a run and what came of it."""
    return left_at_fal(world, [])


def what_cannot_be_deleted_at_once(world: World) -> Check:
    """The same, and fal does not delete it the first time."""
    return left_at_fal(world, [{"step": "delete", "kind": "error", "count": 1}])


def left_at_fal(world: World, faults: list[dict[str, Any]]) -> Check:
    """A run that has ended, to be deleted now."""
    picture = f"data:image/jpeg;base64,{b64encode(pictures.noise()).decode()}"
    inputs = {"model_image": picture, "garment_image": picture}
    begun = world.provider.post("/fal-ai/fashn/tryon/v1.6", json=inputs, headers={"authorization": "Key sandbox"})
    run = begun.raise_for_status().json()
    world.provider.put("/_sandbox/knobs", json={"faults": faults}).raise_for_status()

    async def enqueue() -> None:
        database = Database(world.stack.environment("tryon")["DATABASE_URL"])
        async with database.transaction() as connection:
            await leftovers.enqueue(connection, ProviderRun("fal", json.dumps(run)), timedelta(0))
        await database.close()

    def deleted() -> bool:
        shown = world.provider.get("/_sandbox/runs").json()["runs"]
        return any(one["id"] == run["request_id"] and one["deleted"] for one in shown)

    asyncio.run(enqueue())
    return lambda: until("it is deleted", deleted)


def an_old_job(world: World) -> Check:
    """It was finished three months ago."""
    patron = world.patron()
    job_id = insert(world, patron, "failed", datetime.now(UTC) - timedelta(days=91))
    return lambda: until("it is deleted", lambda: not world.rows("SELECT 1 FROM jobs WHERE id = $1", job_id))


OF_WORKERS: dict[str, Callable[[World], Check]] = {
    **dict.fromkeys(
        (
            "saga.take",
            "saga.read",
            "budgets.take",
            "saga.generate",
            "saga.remember",
            "saga.storing",
            "saga.store",
            "saga.stored",
            "saga.capture",
            "saga.succeeded",
            "saga.forget",
        ),
        a_job,
    ),
    "leftovers.forget": what_is_left_of_a_run,
    "leftovers.later": what_cannot_be_deleted_at_once,
    "saga.progress": a_job_that_takes_a_while,
    **dict.fromkeys(("saga.fail", "release.delete", "release.give_back", "release.end"), a_refused_job),
    **dict.fromkeys(("saga.clear_up", "saga.give_back"), a_job_whose_user_is_gone),
    "saga.sweep": an_abandoned_job,
    "jobs.mend": a_job_that_was_left_behind,
    "jobs.prune": an_old_job,
}
ON_SCHEDULE = {"saga.sweep": "SWEEP_SCHEDULE", "jobs.mend": "SWEEP_SCHEDULE", "jobs.prune": "PRUNE_SCHEDULE"}


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("step", OF_WORKERS)
def test_a_worker_that_is_killed_there_is_followed_by_another(world: World, step: str, side: str) -> None:
    schedule = {ON_SCHEDULE[step]: EACH_SECOND} if step in ON_SCHEDULE else {}
    with world.paused("worker"):
        check = OF_WORKERS[step](world)
        victim = world.worker(f"{step}.{side}", **schedule)
        assert victim.ended(60) == -signal.SIGKILL
        world.let_leases_run_out()
        if schedule:
            after = world.worker(**schedule)
    check()
    if schedule:
        after.kill()


# Of the service: a replica dies over a request, which its user repeats.


def begins(world: World, patron: Patron, address: str) -> Check:
    """Asks for a job, and then again with the same key."""
    call(address, patron, lambda api, me: api.CreateJob(pb.CreateJobRequest(spec=spec(patron)), metadata=me))
    return lambda: again(world, patron)


def waits(world: World, patron: Patron, address: str) -> Check:
    """Asks for a picture, waits for it, and then again with the same key."""
    call(address, patron, lambda api, me: api.Generate(pb.GenerateRequest(spec=spec(patron)), metadata=me))
    return lambda: again(world, patron)


def looks_back(world: World, patron: Patron, address: str) -> Check:
    """Asks for a job that has a picture."""
    job_id = ask(patron.browser, patron.form)["id"]
    ended(world, patron, "succeeded")
    call(address, patron, lambda api, me: api.GetJob(pb.GetJobRequest(id=job_id), metadata=me))
    return lambda: ended(world, patron, "succeeded")


def looks_first(world: World, patron: Patron, address: str) -> Check:
    """Asks for a check, which costs nothing."""
    request = pb.CheckImagesRequest(person_image_id=patron.form["personImageId"])
    call(address, patron, lambda api, me: api.CheckImages(request, metadata=me))
    return lambda: again(world, patron)


def has_no_credit(world: World, patron: Patron, address: str) -> Check:
    """All credits are set aside for something else; once they are back, the same key works."""
    asyncio.run(hold(world, patron.user_id, other := new_id(), 5))
    call(address, patron, lambda api, me: api.CreateJob(pb.CreateJobRequest(spec=spec(patron)), metadata=me))
    assert patron.browser.post(JOBS, json=patron.form, headers={"idempotency-key": KEY}).status_code == 402
    asyncio.run(give_back(world, patron.user_id, other))
    return lambda: again(world, patron)


def finds_no_ledger(world: World, patron: Patron, address: str) -> Check:
    """Billing does not answer. What is left of the job is finished by whoever repeats the request, or by the sweep."""
    call(address, patron, lambda api, me: api.CreateJob(pb.CreateJobRequest(spec=spec(patron)), metadata=me))
    ((state,),) = world.rows("SELECT state FROM jobs WHERE user_id = $1", patron.user_id)
    return lambda: again(world, patron, "succeeded" if state == "created" else "failed")


def cancels(world: World, patron: Patron, address: str) -> Check:
    """Cancels a job that waits, and then again."""
    with world.paused("worker"):
        job_id = ask(patron.browser, patron.form)["id"]
        call(address, patron, lambda api, me: api.CancelJob(pb.CancelJobRequest(id=job_id), metadata=me))
        assert patron.browser.post(f"{JOBS}/{job_id}/cancel").status_code == 200
    return lambda: ended(world, patron, "canceled")


def goes_meanwhile(world: World, patron: Patron, address: str) -> Check:
    """Has the jobs deleted while the credit is set aside."""
    mine = "SELECT 1 FROM jobs WHERE user_id = $1"

    def leave() -> None:
        until("the job is there", lambda: world.rows(mine, patron.user_id))
        asyncio.run(forget(world, patron, f"127.0.0.1:{world.stack.ports['tryon']}"))

    with world.paused("worker"), slow_ledger(world, leave):
        call(address, patron, lambda api, me: api.CreateJob(pb.CreateJobRequest(spec=spec(patron)), metadata=me))
    return world.until_idle


def is_forgotten(world: World, patron: Patron, address: str) -> Check:
    """Auth has the user's jobs deleted, and asks again when nobody answers."""
    with world.paused("worker"):
        ask(patron.browser, patron.form)
        with suppress(grpc.aio.AioRpcError):
            asyncio.run(forget(world, patron, address))
        patron.browser.delete_account()
        mine = "SELECT 1 FROM jobs WHERE user_id = $1"
        until("they are gone", lambda: not world.rows(mine, patron.user_id))
    return world.until_idle


def is_told(world: World, patron: Patron, address: str) -> Check:
    """A provider says that a run has ended. It asks again when nobody answers."""
    headers = Signing(WEBHOOK_SECRET).replicate(b'{"id": "run"}', str(int(time.time())), forged=False)
    body = HttpBody(content_type="application/json", data=b'{"id": "run"}')
    call(address, patron, lambda api, _: api.ReceiveReplicateWebhook(iter([body]), metadata=tuple(headers.items())))
    return lambda: again(world, patron)


async def forget(world: World, patron: Patron, address: str) -> None:
    """Asks a replica to forget the user, as auth does."""
    token = bearer(tokens(world, "auth").sign("tryon", patron.user_id))
    async with grpc.aio.insecure_channel(address) as channel:
        await asyncio.wait_for(channel.channel_ready(), 60)
        request = user_data_pb2.DeleteUserDataRequest(user_id=patron.user_id)
        await user_data_pb2_grpc.UserDataServiceStub(channel).DeleteUserData(request, metadata=token, timeout=30)


OF_THE_SERVICE: dict[str, Callable[[World, Patron, str], Check]] = {
    **dict.fromkeys(("checks.read", "jobs.add", "generation.hold"), begins),
    "generation.held": waits,
    "generation.show": looks_back,
    "checks.find": looks_first,
    "jobs.forget": has_no_credit,
    "generation.give_up": finds_no_ledger,
    **dict.fromkeys(("generation.cancel", "release.delete", "release.give_back", "release.end"), cancels),
    "generation.give_back": goes_meanwhile,
    "jobs.forget_user": is_forgotten,
    "webhooks.tell": is_told,
}


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("step", OF_THE_SERVICE)
def test_a_service_that_is_killed_there_is_followed_by_another(world: World, step: str, side: str) -> None:
    patron = world.patron()
    settings = {
        "GENERATE_TIMEOUT_SECONDS": "60",
        "PRE_CHECK": str(step == "checks.read"),
        **({"BILLING_ADDRESS": "127.0.0.1:9"} if step == "generation.give_up" else {}),
    }
    victim, address = world.service(f"{step}.{side}", **settings)
    check = OF_THE_SERVICE[step](world, patron, address)
    assert victim.ended(60) == -signal.SIGKILL
    check()


def test_a_credit_that_is_set_aside_for_a_refused_request_by_a_second_one_that_is_killed_comes_back(
    world: World,
) -> None:
    patron = world.patron()
    asyncio.run(hold(world, patron.user_id, other := new_id(), 5))
    ask_for_one = lambda api, me: api.CreateJob(pb.CreateJobRequest(spec=spec(patron)), metadata=me)  # noqa: E731
    refused, address = world.service("jobs.forget.before:stop", PRE_CHECK="false")
    asking = Thread(target=call, args=(address, patron, ask_for_one))
    asking.start()
    stopped = psutil.STATUS_STOPPED
    until("it is about to forget the job", lambda: psutil.Process(refused.pid).status() == stopped, 60)
    asyncio.run(give_back(world, patron.user_id, other))
    killed, address = world.service("generation.hold.after", PRE_CHECK="false")
    call(address, patron, ask_for_one)
    assert killed.ended(60) == -signal.SIGKILL
    mine = "SELECT state FROM holds WHERE user_id = $1 AND state = 'open'"
    assert rows(world.stack, "billing", mine, patron.user_id) == [("open",)]
    refused.signal(signal.SIGCONT)
    asking.join()
    refused.kill()
    until("it is given back", lambda: not rows(world.stack, "billing", mine, patron.user_id))
    again(world, patron)


def again(world: World, patron: Patron, state: str = "succeeded") -> None:
    """The user's browser repeats the request: it is the same job, or the first that begins."""
    answer = patron.browser.post(JOBS, json=patron.form, headers={"idempotency-key": KEY})
    assert answer.status_code == 202, answer.text
    ended(world, patron, state)


def spec(patron: Patron) -> pb.TryonSpec:
    """What the user asks for."""
    return pb.TryonSpec(person_image_id=patron.form["personImageId"], outfit_image_id=patron.form["outfitImageId"])


def bearer(token: str) -> tuple[tuple[str, str], ...]:
    """Metadata that shows a token."""
    return (("authorization", f"Bearer {token}"),)


Metadata = tuple[tuple[str, str], ...]
Request = Callable[[tryon_pb2_grpc.TryonServiceStub, Metadata], Awaitable[Any]]


def call(address: str, patron: Patron, request: Request) -> None:
    """Sends a request to one replica, which does not live to answer it."""

    async def send() -> None:
        async with grpc.aio.insecure_channel(address) as channel:
            await asyncio.wait_for(channel.channel_ready(), 60)
            stub = tryon_pb2_grpc.TryonServiceStub(channel)
            await request(stub, (*bearer(patron.token), ("idempotency-key", KEY)))

    with suppress(grpc.aio.AioRpcError):
        asyncio.run(send())


def tokens(world: World, service: str) -> ServiceTokens:
    """What a service shows to others."""
    values = secrets.load(world.stack.data_dir / "secrets.json")
    return ServiceTokens(service, values[f"SERVICE_PRIVATE_KEY.{service}"], {})


async def hold(world: World, user_id: str, hold_id: str, amount: int = 1) -> None:
    """Sets credits aside."""
    async with ledger(world) as (stub, metadata):
        request = ledger_pb2.HoldCreditsRequest(hold_id=hold_id, amount=amount, ttl_seconds=3600)
        await stub.HoldCredits(request, metadata=metadata(user_id))


async def give_back(world: World, user_id: str, hold_id: str) -> None:
    """Gives them back."""
    async with ledger(world) as (stub, metadata):
        await stub.ReleaseHold(ledger_pb2.ReleaseHoldRequest(hold_id=hold_id), metadata=metadata(user_id))


class ledger:  # noqa: N801 - used as a function
    """Billing's ledger, and the metadata of a call for a user."""

    def __init__(self, world: World) -> None:
        self._channel = grpc.aio.insecure_channel(f"127.0.0.1:{world.stack.ports['billing']}")
        self._tokens = tokens(world, "tryon")

    async def __aenter__(self) -> tuple[ledger_pb2_grpc.LedgerServiceStub, Callable[[str], Metadata]]:
        return ledger_pb2_grpc.LedgerServiceStub(self._channel), lambda user: bearer(self._tokens.sign("billing", user))

    async def __aexit__(self, *_: object) -> None:
        await self._channel.close()


def insert(world: World, patron: Patron, state: str, moment: datetime) -> str:
    """A job as somebody has left it at that moment."""
    finished = moment if state == "failed" else None
    world.rows(
        "INSERT INTO jobs (id, user_id, idempotency_key, person_image_id, outfit_image_id, options, state, stage, "
        "progress, version, attempt, engine, created_at, finished_at) "
        "VALUES ($1, $2, $1, $3, $4, '{}', $5, 'queued', 0, 0, 0, '', $6, $7)",
        job_id := new_id(),
        patron.user_id,
        patron.form["personImageId"],
        patron.form["outfitImageId"],
        state,
        moment,
        finished,
    )
    return job_id


@contextmanager
def slow_ledger(world: World, meanwhile: Check) -> Iterator[None]:
    """With billing answering only when something else is done."""
    failed: list[BaseException] = []

    def wait() -> None:
        try:
            with world.paused("billing"):
                meanwhile()
        except BaseException as error:  # noqa: BLE001 - it is told elsewhere
            failed.append(error)

    thread = Thread(target=wait)
    thread.start()
    yield
    thread.join()
    assert not failed, failed
