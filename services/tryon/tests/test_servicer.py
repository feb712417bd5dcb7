"""Asking for a picture, and for a look at the photos first, over a real channel."""

from typing import Any

import pytest
from drape.auth.v1 import user_data_pb2
from drape.tryon.v1 import tryon_pb2 as pb
from google.protobuf.json_format import MessageToDict
from grpc import StatusCode

from services.kit.http import STATUS_KEY
from services.kit.ids import new_id
from services.kit.tests.wire import Refusal, refusal
from services.tryon.engines.base import EngineFailed, InputProblem, Result
from services.tryon.tests.fakes import PICTURE, Gate, raising
from services.tryon.tests.served import Tryon, headers_of, serving
from services.tryon.tests.shop import Shop


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
    images = {"person_image_id": new_id(), "outfit_image_id": new_id()}
    spec = pb.TryonSpec(**(images | wrong))
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
    nobody = InputProblem("NO_PERSON_FOUND", "There is nobody.", "person", (0, 0.25, 0.5, 1))
    tryon.shop.engine.instead = raising(lambda: nobody)
    place = {"field": "personImageId", "box": "0,0.25,0.5,1"}
    assert await refusal(tryon.generate(user, tryon.spec(user))) == Refusal(
        StatusCode.INVALID_ARGUMENT, "NO_PERSON_FOUND", "There is nobody.", place
    )
    answer = await tryon.api.ListJobs(pb.ListJobsRequest(), metadata=tryon.as_user(user))
    assert [(job.status, job.error.reason, job.error.field, list(job.error.box)) for job in answer.jobs] == [
        ("failed", "NO_PERSON_FOUND", "personImageId", [0, 0.25, 0.5, 1]),
        ("failed", "GENERATION_FAILED", "", []),
    ]
    assert tryon.shop.billing.credits[user] == 5


async def test_a_job_tells_what_its_engine_thinks_of_the_picture(tryon: Tryon, user: str) -> None:
    assert not (await tryon.generate(user, tryon.spec(user))).job.HasField("score")

    async def judged(_: object) -> Result:
        return Result(PICTURE, "image/jpeg", 0.75)

    tryon.shop.engine.instead = judged
    assert (await tryon.generate(user, tryon.spec(user))).job.score == 0.75


async def test_the_idempotency_key_of_the_header_is_honoured(tryon: Tryon, user: str) -> None:
    spec = tryon.spec(user)
    first, again = await tryon.generate(user, spec, "key"), await tryon.generate(user, spec, "key")
    assert first == again
    assert tryon.shop.billing.credits[user] == 4
    refused = await refusal(tryon.generate(user, tryon.spec(user), "key"))
    assert (refused.code, refused.reason) == (StatusCode.ABORTED, "IDEMPOTENCY_KEY_REUSED")
    refused = await refusal(tryon.generate(user, spec, "k" * 256))
    assert (refused.code, refused.reason) == (StatusCode.INVALID_ARGUMENT, "INVALID_IDEMPOTENCY_KEY")


async def test_a_picture_that_takes_too_long_is_answered_202_with_its_job(live: Shop, user: str) -> None:
    live.engine.instead = gate = Gate()
    async with serving(live.impatient()) as tryon:
        call = tryon.generate(user, tryon.spec(user))
        answer = await call
        headers = await headers_of(call)
    gate.open.set()
    assert (headers[STATUS_KEY], headers["cache-control"]) == ("202", "no-store")
    assert (answer.message, answer.HasField("image")) == ("The try-on is still being made", False)
    assert answer.job.status in ("queued", "running")


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
    checker.finds = list
    one = pb.CheckImagesRequest(outfit_image_id=spec.outfit_image_id)
    assert not (await tryon.api.CheckImages(one, metadata=tryon.as_user(user))).ok  # what was seen stays so
    assert checker.seen[-2:] == [(b"user", None), (None, b"outfit")]


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
