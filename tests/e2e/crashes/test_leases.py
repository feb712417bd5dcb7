"""Workers that die, stop or are told to end over a job, and what their users see of it meanwhile."""

import asyncio
import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import psutil
import pytest
from drape.tryon.v1 import tryon_pb2 as pb
from drape.tryon.v1 import tryon_pb2_grpc

from services.kit import tasks
from tests.e2e.browser import Json
from tests.e2e.crashes.conftest import Patron, World
from tests.e2e.crashes.nursery import Child
from tests.e2e.crashes.test_failpoints import bearer, ended, spec
from tests.e2e.fitting import GENERATE, JOBS, ask, events, look, wait_for
from tests.e2e.polling import until


@pytest.fixture
def patron(world: World) -> Patron:
    """Somebody who wants a picture."""
    return world.patron()


@contextmanager
def unfinished(world: World) -> Iterator[None]:
    """With no run at the provider coming to its end."""
    world.provider.put("/_sandbox/knobs", json={"held": True}).raise_for_status()
    try:
        yield
    finally:
        world.provider.put("/_sandbox/knobs", json={"held": False}).raise_for_status()


def at_work(world: World, patron: Patron, **settings: str) -> tuple[Child, str]:
    """A new worker that waits for the provider over the user's job, and the job. The other one must be paused."""
    job_id = ask(patron.browser, patron.form)["id"]
    child = world.worker(**settings)
    known = "SELECT 1 FROM jobs WHERE id = $1 AND provider_job_id <> '' AND stage = 'generating'"
    until("the provider works", lambda: world.rows(known, job_id), 60)
    return child, job_id


def runs(world: World) -> int:
    """How many runs were begun at the provider."""
    return len(world.provider.get("/_sandbox/runs").json()["runs"])


def test_a_dead_workers_lease_ends_in_time_for_another_to_go_on_within_ten_seconds() -> None:
    assert timedelta(seconds=10) >= tasks.HEARTBEAT_TIMEOUT + tasks.LOOK_EVERY


def test_a_killed_workers_job_is_finished_by_another_which_pays_the_provider_nothing_more(
    world: World, patron: Patron
) -> None:
    before = runs(world)
    with unfinished(world):
        with world.paused("worker"):
            child, job_id = at_work(world, patron)
            child.kill()
        assert look(patron.browser, job_id)["status"] == "running"
    ended(world, patron, "succeeded")
    assert world.rows("SELECT attempt FROM jobs WHERE id = $1", job_id) == [(2,)]
    assert runs(world) == before + 1


def test_a_worker_that_is_stopped_past_its_lease_finds_itself_overtaken(world: World, patron: Patron) -> None:
    with unfinished(world), world.paused("worker"):
        child, job_id = at_work(world, patron)
        child.signal(signal.SIGSTOP)
    ended(world, patron, "succeeded")  # by the other one, once the lease has run out
    before = world.rows("SELECT * FROM jobs WHERE id = $1", job_id)
    let_go_on(world, child, job_id)
    assert world.rows("SELECT * FROM jobs WHERE id = $1", job_id) == before
    ended(world, patron, "succeeded")


@pytest.mark.parametrize("place", ["saga.storing.before", "saga.store.before", "saga.capture.before"])
def test_what_an_overtaken_worker_still_does_counts_for_nothing(world: World, patron: Patron, place: str) -> None:
    with world.paused("worker"):
        job_id = ask(patron.browser, patron.form)["id"]
        child = stopped_at(world, place)
        world.let_leases_run_out()
    ended(world, patron, "succeeded")
    before = world.rows("SELECT * FROM jobs WHERE id = $1", job_id)
    let_go_on(world, child, job_id)
    assert world.rows("SELECT * FROM jobs WHERE id = $1", job_id) == before
    ended(world, patron, "succeeded")


@pytest.mark.parametrize("place", ["saga.storing.before", "saga.store.before", "saga.stored.before"])
def test_the_picture_of_a_job_that_was_canceled_meanwhile_is_refused(world: World, patron: Patron, place: str) -> None:
    with world.paused("worker"):
        job_id = ask(patron.browser, patron.form)["id"]
        child = stopped_at(world, place)
        assert patron.browser.post(f"{JOBS}/{job_id}/cancel").json()["job"]["status"] == "canceled"
        let_go_on(world, child, job_id)
        ended(world, patron, "canceled")


def test_a_worker_that_is_told_to_end_finishes_its_job_first(world: World, patron: Patron) -> None:
    with world.paused("worker"):
        with unfinished(world):
            child, job_id = at_work(world, patron)
            child.signal(signal.SIGTERM)
            assert child.ended(1) is None
        assert child.ended(60) == 0
        ended(world, patron, "succeeded")
    assert world.rows("SELECT attempt FROM jobs WHERE id = $1", job_id) == [(1,)]


def test_a_worker_that_is_told_to_end_and_cannot_in_time_leaves_its_job_to_another(
    world: World, patron: Patron
) -> None:
    with unfinished(world), world.paused("worker"):
        child, job_id = at_work(world, patron, DRAIN_SECONDS="0.5")
        child.signal(signal.SIGTERM)
        assert child.ended(60) == 1
        # It has not to run out of its lease first.
        assert world.rows("SELECT status FROM pgqueuer WHERE entrypoint = 'tryon'") == [("queued",)]
    ended(world, patron, "succeeded")
    assert world.rows("SELECT attempt FROM jobs WHERE id = $1", job_id) == [(2,)]


def test_a_service_that_is_told_to_end_answers_those_who_wait_for_a_picture_before_it_would_cut_them_off(
    world: World, patron: Patron
) -> None:
    request = pb.GenerateRequest(spec=spec(patron))

    async def ask_and_end(child: Child, address: str) -> tuple[Any, pb.GenerateResponse]:
        async with grpc.aio.insecure_channel(address) as channel:
            await asyncio.wait_for(channel.channel_ready(), 60)
            call = tryon_pb2_grpc.TryonServiceStub(channel).Generate(request, metadata=bearer(patron.token))
            mine = "SELECT 1 FROM jobs WHERE user_id = $1 AND provider_job_id <> ''"
            await asyncio.to_thread(until, "it waits", lambda: world.rows(mine, patron.user_id))
            child.signal(signal.SIGTERM)
            return dict(await call.initial_metadata()), await call

    with unfinished(world):
        child, address = world.service(DRAIN_SECONDS="3", GENERATE_TIMEOUT_SECONDS="600", PRE_CHECK="false")
        headers, answer = asyncio.run(ask_and_end(child, address))
        assert (headers["x-http-status"], answer.job.status) == ("202", "running")
        assert child.ended(60) == 0
    ended(world, patron, "succeeded")


def test_a_picture_that_takes_longer_than_the_request_waits_is_answered_202_and_made(
    world: World, patron: Patron
) -> None:
    with unfinished(world):
        answer = patron.browser.post(GENERATE, json=patron.form, headers={"idempotency-key": "k"})
        assert (answer.status_code, answer.json()["message"]) == (202, "The try-on is still being made")
        job = answer.json()["job"]
        assert job["status"] in ("queued", "running")
    assert wait_for(patron.browser, job["id"], "succeeded", "failed")["status"] == "succeeded"
    again = patron.browser.post(GENERATE, json=patron.form, headers={"idempotency-key": "k"})
    assert (again.status_code, again.json()["job"]["id"]) == (200, job["id"])
    ended(world, patron, "succeeded")


def test_whoever_watches_a_job_and_comes_back_is_told_only_what_is_new(world: World, patron: Patron) -> None:
    with unfinished(world):
        job_id = ask(patron.browser, patron.form)["id"]
        wait_for(patron.browser, job_id, "running")
        until("it is being made", lambda: look(patron.browser, job_id)["stage"] == "generating")
        first = first_event(patron, job_id)
        assert first
        event_id, job = first
        assert (job["status"], job["stage"]) == ("running", "generating")
        for known, new in ((event_id, False), ("0.0", True), ("nonsense", True)):
            assert (first_event(patron, job_id, known, patience=2) is not None) is new
    seen: list[Json] = []
    events(patron.browser, job_id, seen.append)
    assert seen[-1]["status"] == "succeeded"
    assert all(one["progress"] >= job["progress"] for one in seen)


def first_event(patron: Patron, job_id: str, known: str = "", patience: int = 1000) -> tuple[str, Json] | None:
    """The id and the job of the first event that a browser gets; None when it gets nothing but signs of life."""
    headers = {"accept": "text/event-stream"} | ({"last-event-id": known} if known else {})
    event_id, alive = "", 0
    with patron.browser.stream("GET", f"{JOBS}/{job_id}/events", headers=headers) as answer:
        for line in answer.iter_lines():
            alive += line.startswith(":")
            if alive == patience:
                return None
            if line.startswith("id:"):
                event_id = line.removeprefix("id:").strip()
            if line.startswith("data:"):
                return event_id, json.loads(line.removeprefix("data:"))["job"]
    raise AssertionError("it ended")


def stopped_at(world: World, place: str) -> Child:
    """A worker that has stopped there over the one job that waits."""
    child = world.worker(f"{place}:stop")
    stopped = psutil.STATUS_STOPPED
    until("it has stopped", lambda: psutil.Process(child.pid).status() == stopped, 60)
    return child


def let_go_on(world: World, child: Child, job_id: str) -> None:
    """Lets a worker go on that has lost the job, until it has noticed."""
    log: Path = world.stack.data_dir / "logs" / "worker-again.log"
    told = log.read_text().count("overtaken by another worker")
    child.signal(signal.SIGCONT)
    until("it notices", lambda: log.read_text().count("overtaken by another worker") > told, 30)
    world.until_idle()
    child.signal(signal.SIGTERM)
    assert child.ended(60) == 0
    assert job_id in log.read_text()
