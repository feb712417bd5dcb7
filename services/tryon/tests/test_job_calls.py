"""Jobs as browsers look at them, over a real channel."""

import json
from typing import Any

from drape.tryon.v1 import tryon_pb2 as pb
from grpc import StatusCode

from services.kit.http import STATUS_KEY
from services.kit.ids import new_id
from services.kit.tests.wire import Refusal, refusal
from services.tryon.tests.fakes import Gate
from services.tryon.tests.served import Tryon, headers_of


async def test_a_job_is_answered_202_and_can_be_looked_at(tryon: Tryon, user: str, stranger: str) -> None:
    tryon.shop.engine.instead = gate = Gate()
    call = tryon.api.CreateJob(pb.CreateJobRequest(spec=tryon.spec(user)), metadata=tryon.as_user(user))
    job = (await call).job
    assert (await headers_of(call))[STATUS_KEY] == "202"
    assert (job.status, job.stage, job.HasField("image"), job.HasField("error")) == ("queued", "queued", False, False)
    await gate.arrived.wait()
    request = pb.GetJobRequest(id=job.id)
    looked = await tryon.api.GetJob(request, metadata=tryon.as_user(user))
    assert (looked.job.status, looked.job.stage) == ("running", "preparing")
    refused = await refusal(tryon.api.GetJob(request, metadata=tryon.as_user(stranger)))
    assert refused == Refusal(StatusCode.NOT_FOUND, "JOB_NOT_FOUND", "Job not found")
    gate.open.set()


async def test_a_watched_job_is_shown_until_it_is_finished(tryon: Tryon, user: str) -> None:
    tryon.shop.engine.instead = gate = Gate()
    job = await tryon.create(user)
    await gate.arrived.wait()
    call = tryon.api.WatchJob(pb.WatchJobRequest(id=job.id), metadata=tryon.as_user(user))
    events: list[dict[str, Any]] = []
    async for part in call:
        assert part.content_type == "text/event-stream"
        for line in part.data.decode().splitlines():
            if line.startswith("data: "):
                events.append(json.loads(line.removeprefix("data: "))["job"])
                gate.open.set()
    assert (await headers_of(call))["cache-control"] == "no-store"
    assert [events[0]["status"], events[-1]["status"]] == ["running", "succeeded"]
    assert events[-1]["image"]["url"].startswith("https://drape.example/")
    assert all(event["id"] == job.id for event in events)


async def test_watching_what_is_not_there_is_404(tryon: Tryon, user: str) -> None:
    call = tryon.api.WatchJob(pb.WatchJobRequest(id=new_id()), metadata=tryon.as_user(user))

    async def watch() -> list[object]:
        return [part async for part in call]

    assert await refusal(watch()) == Refusal(StatusCode.NOT_FOUND, "JOB_NOT_FOUND", "Job not found")


async def test_a_canceled_job_says_so(tryon: Tryon, user: str) -> None:
    tryon.shop.engine.instead = Gate()
    job = await tryon.create(user)
    request = pb.CancelJobRequest(id=job.id)
    canceled = (await tryon.api.CancelJob(request, metadata=tryon.as_user(user))).job
    assert (canceled.status, canceled.stage, canceled.error.reason) == ("canceled", "done", "CANCELED")
    tryon.shop.engine.instead = None
    done = (await tryon.generate(user, tryon.spec(user))).job
    refused = await refusal(tryon.api.CancelJob(pb.CancelJobRequest(id=done.id), metadata=tryon.as_user(user)))
    assert (refused.code, refused.reason) == (StatusCode.FAILED_PRECONDITION, "JOB_ALREADY_FINISHED")


async def test_jobs_are_listed_in_pages(tryon: Tryon, user: str) -> None:
    ids = [(await tryon.generate(user, tryon.spec(user))).job.id for _ in range(3)]
    me = tryon.as_user(user)
    first = await tryon.api.ListJobs(pb.ListJobsRequest(page_size=2), metadata=me)
    rest = await tryon.api.ListJobs(pb.ListJobsRequest(page_size=2, page_token=first.next_page_token), metadata=me)
    assert [job.id for job in [*first.jobs, *rest.jobs]] == ids[::-1]
    assert (bool(first.next_page_token), rest.next_page_token) == (True, "")
    assert all(job.image.url for job in first.jobs)
    for request, reason in (
        (pb.ListJobsRequest(page_size=0), "VALIDATION_FAILED"),
        (pb.ListJobsRequest(page_size=101), "VALIDATION_FAILED"),
        (pb.ListJobsRequest(page_token="AAAA"), "INVALID_PAGE_TOKEN"),
    ):
        refused = await refusal(tryon.api.ListJobs(request, metadata=me))
        assert (refused.code, refused.reason) == (StatusCode.INVALID_ARGUMENT, reason)
