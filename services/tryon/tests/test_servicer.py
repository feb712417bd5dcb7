"""What browsers ask of the service, over a real channel."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
from drape.auth.v1 import user_data_pb2, user_data_pb2_grpc
from drape.tryon.v1 import tryon_pb2 as pb
from drape.tryon.v1 import tryon_pb2_grpc
from google.protobuf.json_format import MessageToDict
from grpc import StatusCode

from services.kit import server, user_data
from services.kit.http import STATUS_KEY
from services.kit.identity import UserTokens
from services.kit.ids import new_id
from services.kit.rpc import Access
from services.kit.tests.credentials import ISSUER, Issuer, ServiceKeys, bearer
from services.kit.tests.wire import Refusal, refusal
from services.tryon import servicer
from services.tryon.engines.base import EngineFailed, InputProblem
from services.tryon.tests.fakes import Gate, raising
from services.tryon.tests.shop import Shop

Metadata = tuple[tuple[str, str], ...]


@dataclass
class Tryon:
    """A running service with its fakes, and the keys of those who call it."""

    shop: Shop
    channel: grpc.aio.Channel
    keys: ServiceKeys
    issuer: Issuer

    def __post_init__(self) -> None:
        self.api = tryon_pb2_grpc.TryonServiceStub(self.channel)
        self.user_data = user_data_pb2_grpc.UserDataServiceStub(self.channel)

    def as_user(self, user: str, key: str = "") -> Metadata:
        """The metadata of a browser's call."""
        return bearer(self.issuer.token(user)) + ((("idempotency-key", key),) if key else ())

    def as_service(self, name: str, user: str) -> Metadata:
        """The metadata of a service's call."""
        return bearer(self.keys.of(name).sign("tryon", user))

    def spec(self, user: str, **options: Any) -> pb.TryonSpec:
        """What a user with a photo and an outfit asks for."""
        media = self.shop.media
        return pb.TryonSpec(
            person_image_id=media.add(user, "user"), outfit_image_id=media.add(user, "outfit"), **options
        )

    def generate(self, user: str, spec: pb.TryonSpec, key: str = "") -> "grpc.aio.UnaryUnaryCall[Any, Any]":
        """Asks for a picture."""
        return self.api.Generate(pb.GenerateRequest(spec=spec), metadata=self.as_user(user, key))

    async def create(self, user: str) -> pb.Job:
        """A new job."""
        request = pb.CreateJobRequest(spec=self.spec(user))
        return (await self.api.CreateJob(request, metadata=self.as_user(user))).job


async def headers_of(call: Any) -> dict[str, str]:
    """What the gateway makes headers of."""
    return {str(key): str(value) for key, value in await call.initial_metadata()}


@pytest.fixture(scope="session")
async def shared_tryon(shared_live: Shop) -> AsyncIterator[Tryon]:
    """The service behind its interceptor, as `__main__` has it."""
    keys, issuer = ServiceKeys(), Issuer()
    rpcs = (
        servicer.TryonServicer(shared_live.generation, shared_live.api_jobs),
        user_data.UserDataServicer(shared_live.api_jobs.forget_user),
    )
    service = server.Service(
        name="tryon",
        listen="127.0.0.1:0",
        drain_seconds=5,
        access=Access(internal=user_data.INTERNAL),
        users=UserTokens(issuer.fetch, ISSUER),
        tokens=keys.of("tryon"),
        register=lambda grpc_server: [name for rpc in rpcs for name in rpc.register(grpc_server)],
    )
    running, _, port = await server.start(service)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield Tryon(shared_live, channel, keys, issuer)
    await running.stop(None)


@pytest.fixture
def tryon(shared_tryon: Tryon, live: Shop) -> Tryon:
    """The running service, its engine as it usually is."""
    assert shared_tryon.shop is live
    return shared_tryon


async def test_a_picture_is_answered_as_the_contract_says(tryon: Tryon, user: str) -> None:
    spec = tryon.spec(user, category="tops", output_format="png", seed=7)
    call = tryon.generate(user, spec)
    answer = MessageToDict(await call, always_print_fields_with_no_presence=True)
    headers = await headers_of(call)
    assert (headers["cache-control"], STATUS_KEY in headers) == ("no-store", False)
    assert (answer["message"], answer["creditsRemaining"]) == ("Try-on generated successfully", 4)
    assert answer["image"].keys() == {"id", "url", "createdAt"}
    assert answer["image"]["url"].startswith("https://drape.example/")
    job = answer["job"]
    assert job.pop("createdAt") <= job.pop("finishedAt")
    assert job.pop("id")
    assert job == {
        "status": "succeeded",
        "stage": "done",
        "progress": 100,
        "engine": "fake",
        "personImageId": spec.person_image_id,
        "outfitImageId": spec.outfit_image_id,
        "image": answer["image"],
    }
    assert tryon.shop.engine.calls[-1][2].output_format == "png"


async def test_options_that_are_left_out_have_their_defaults(tryon: Tryon, user: str) -> None:
    await tryon.generate(user, tryon.spec(user))
    options = tryon.shop.engine.calls[-1][2]
    assert (options.category, options.garment_photo_type, options.mode, options.seed, options.output_format) == (
        "auto",
        "auto",
        "balanced",
        0,
        "jpeg",
    )


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"person_image_id": ""}, "Both personImageId and outfitImageId are required"),
        ({"outfit_image_id": ""}, "Both personImageId and outfitImageId are required"),
        ({"category": "hats"}, "category must be one of: auto, tops, bottoms, onePieces"),
        ({"garment_photo_type": "x"}, "garmentPhotoType must be one of: auto, flatLay, model"),
        ({"mode": "x"}, "mode must be one of: fast, balanced, quality"),
        ({"seed": -1}, "seed must not be negative"),
        ({"output_format": "gif"}, "outputFormat must be one of: jpeg, png, webp"),
    ],
)
async def test_a_request_that_makes_no_sense_is_400(
    tryon: Tryon, user: str, wrong: dict[str, Any], message: str
) -> None:
    spec = tryon.spec(user)
    spec.MergeFrom(pb.TryonSpec(**{name: value for name, value in wrong.items() if value}))
    for name in (name for name, value in wrong.items() if not value):
        spec.ClearField(name)
    for call in (
        tryon.generate(user, spec),
        tryon.api.CreateJob(pb.CreateJobRequest(spec=spec), metadata=tryon.as_user(user)),
    ):
        assert await refusal(call) == Refusal(StatusCode.INVALID_ARGUMENT, "VALIDATION_FAILED", message)


async def test_the_images_are_looked_at_first(tryon: Tryon, user: str, stranger: str) -> None:
    mine, theirs = tryon.spec(user), tryon.spec(stranger)
    person, outfit = mine.person_image_id, mine.outfit_image_id
    for first, second, refused in (
        (theirs.person_image_id, outfit, (StatusCode.NOT_FOUND, "IMAGES_NOT_FOUND", "One or both images not found")),
        (
            outfit,
            outfit,
            (StatusCode.INVALID_ARGUMENT, "NOT_A_USER_PHOTO", "First image must be a user photo"),
        ),
        (person, person, (StatusCode.INVALID_ARGUMENT, "NOT_AN_OUTFIT", "Second image must be an outfit")),
    ):
        spec = pb.TryonSpec(person_image_id=first, outfit_image_id=second)
        assert await refusal(tryon.generate(user, spec)) == Refusal(*refused)


async def test_no_credits_are_402(tryon: Tryon, user: str) -> None:
    tryon.shop.billing.credits[user] = 0
    assert await refusal(tryon.generate(user, tryon.spec(user))) == Refusal(
        StatusCode.FAILED_PRECONDITION,
        "INSUFFICIENT_CREDITS",
        "Insufficient credits. Please purchase more credits.",
        {"credits": "0", "required": "1"},
        "402",
    )


async def test_no_picture_is_503_and_a_wrong_photo_400(tryon: Tryon, user: str) -> None:
    tryon.shop.engine.instead = raising(lambda: EngineFailed("no"))
    assert await refusal(tryon.generate(user, tryon.spec(user))) == Refusal(
        StatusCode.UNAVAILABLE, "GENERATION_FAILED", "AI generation failed. Please try again later."
    )
    tryon.shop.engine.instead = raising(lambda: InputProblem("NO_PERSON_FOUND", "There is nobody."))
    assert await refusal(tryon.generate(user, tryon.spec(user))) == Refusal(
        StatusCode.INVALID_ARGUMENT, "NO_PERSON_FOUND", "There is nobody."
    )
    answer = await tryon.api.ListJobs(pb.ListJobsRequest(), metadata=tryon.as_user(user))
    assert [(job.status, job.error.reason) for job in answer.jobs] == [
        ("failed", "NO_PERSON_FOUND"),
        ("failed", "GENERATION_FAILED"),
    ]
    assert tryon.shop.billing.credits[user] == 5


async def test_the_idempotency_key_of_the_header_is_honoured(tryon: Tryon, user: str) -> None:
    spec = tryon.spec(user)
    first, again = await tryon.generate(user, spec, "key"), await tryon.generate(user, spec, "key")
    assert first == again
    assert tryon.shop.billing.credits[user] == 4
    refused = await refusal(tryon.generate(user, tryon.spec(user), "key"))
    assert (refused.code, refused.reason) == (StatusCode.ABORTED, "IDEMPOTENCY_KEY_REUSED")
    refused = await refusal(tryon.generate(user, spec, "k" * 256))
    assert (refused.code, refused.reason) == (StatusCode.INVALID_ARGUMENT, "INVALID_IDEMPOTENCY_KEY")


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


async def test_a_check_says_which_image_is_wrong_and_where(tryon: Tryon, user: str) -> None:
    spec = tryon.spec(user)
    checker = tryon.shop.checker
    checker.finds = lambda: [
        InputProblem("TOO_DARK", "It is dark.", "person", (0.0, 0.25, 0.5, 1.0)),
        InputProblem("NOT_A_GARMENT", "No outfit.", "garment"),
    ]
    request = pb.CheckImagesRequest(person_image_id=spec.person_image_id, outfit_image_id=spec.outfit_image_id)
    answer = await tryon.api.CheckImages(request, metadata=tryon.as_user(user))
    assert MessageToDict(answer, always_print_fields_with_no_presence=True) == {
        "ok": False,
        "problems": [
            {
                "field": "personImageId",
                "reason": "TOO_DARK",
                "message": "It is dark.",
                "box": [0.0, 0.25, 0.5, 1.0],
            },
            {"field": "outfitImageId", "reason": "NOT_A_GARMENT", "message": "No outfit.", "box": []},
        ],
    }
    assert checker.seen[-1] == (b"user", b"outfit")
    checker.finds = list
    one = pb.CheckImagesRequest(outfit_image_id=spec.outfit_image_id)
    assert (await tryon.api.CheckImages(one, metadata=tryon.as_user(user))).ok
    assert checker.seen[-1] == (None, b"outfit")


async def test_a_check_that_cannot_be_made_says_so(tryon: Tryon, user: str, stranger: str) -> None:
    spec, me = tryon.spec(user), tryon.as_user(user)

    def broken() -> None:
        raise EngineFailed("no process")

    for request, finds, refused in (
        (
            pb.CheckImagesRequest(),
            list,
            Refusal(StatusCode.INVALID_ARGUMENT, "VALIDATION_FAILED", "personImageId or outfitImageId is required"),
        ),
        (
            pb.CheckImagesRequest(person_image_id=tryon.spec(stranger).person_image_id),
            list,
            Refusal(StatusCode.NOT_FOUND, "IMAGES_NOT_FOUND", "One or both images not found"),
        ),
        (
            pb.CheckImagesRequest(person_image_id=spec.person_image_id),
            broken,
            Refusal(StatusCode.UNAVAILABLE, "GENERATION_FAILED", "AI generation failed. Please try again later."),
        ),
    ):
        tryon.shop.checker.finds = finds
        assert await refusal(tryon.api.CheckImages(request, metadata=me)) == refused
    assert tryon.shop.billing.of(user) == []


async def test_everything_needs_somebody_signed_in(tryon: Tryon, user: str) -> None:
    for metadata in ((), tryon.as_service("media", user)):
        for call in (
            tryon.api.Generate(pb.GenerateRequest(spec=tryon.spec(user)), metadata=metadata),
            tryon.api.ListJobs(pb.ListJobsRequest(), metadata=metadata),
            tryon.api.GetJob(pb.GetJobRequest(id="x"), metadata=metadata),
        ):
            assert (await refusal(call)).code is StatusCode.UNAUTHENTICATED


async def test_auth_has_a_users_jobs_deleted(tryon: Tryon, user: str) -> None:
    job = (await tryon.generate(user, tryon.spec(user))).job
    request = user_data_pb2.DeleteUserDataRequest(user_id=user)
    for wrong in (tryon.as_user(user), tryon.as_service("media", user)):
        refused = await refusal(tryon.user_data.DeleteUserData(request, metadata=wrong))
        assert refused.code is StatusCode.UNAUTHENTICATED
    for _ in range(2):
        await tryon.user_data.DeleteUserData(request, metadata=tryon.as_service("auth", user))
    refused = await refusal(tryon.api.GetJob(pb.GetJobRequest(id=job.id), metadata=tryon.as_user(user)))
    assert refused.reason == "JOB_NOT_FOUND"
