"""What goes over the wire: each provider's paths, keys, words and statuses."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from sandbox.engines.inside import Inside, eventually, running

BEARER = {"Authorization": "Bearer sandbox"}
KEY = {"Authorization": "Key sandbox"}
VERTEX = "/v1/projects/sandbox/locations/here/publishers/google/models/virtual-try-on-001:predict"


def _picture(size: tuple[int, int] = (40, 60)) -> str:
    buffer = io.BytesIO()
    Image.new("RGB", size, "tan").save(buffer, "JPEG")
    return base64.b64encode(buffer.getvalue()).decode()


PICTURE = _picture()
URI = f"data:image/jpeg;base64,{PICTURE}"
MODEL = {"model_image": URI, "garment_image": URI}
RUN = {"model_name": "tryon-v1.6", "inputs": MODEL}
PREDICTION = {"version": "0513", "input": {"human_img": URI, "garm_img": URI, "category": "upper_body"}}
IMAGE = {"image": {"bytesBase64Encoded": PICTURE}}
INSTANCES = {"instances": [{"personImage": IMAGE, "productImages": [IMAGE]}], "parameters": {"sampleCount": 1}}


async def painted(inside: Inside) -> None:
    await eventually(lambda: all(run.painted for run in inside.runs))


async def post(inside: Inside, path: str, headers: dict[str, str], body: Any) -> httpx.Response:
    answer = await inside.http.post(path, headers=headers, json=body)
    await painted(inside)
    return answer


async def fashn(inside: Inside) -> dict[str, Any]:
    run = (await post(inside, "/v1/run", BEARER, RUN)).json()
    status: dict[str, Any] = (await inside.http.get(f"/v1/status/{run['id']}", headers=BEARER)).json()
    return status


async def test_fashn_says_how_far_a_run_is(inside: Inside) -> None:
    await inside.knobs(queue_ms=60_000)
    assert (await fashn(inside))["status"] == "in_queue"
    await inside.knobs(queue_ms=0, held=True)
    assert (await fashn(inside))["status"] == "processing"
    await inside.knobs(held=False)
    done = await fashn(inside)
    assert (done["status"], done["error"]) == ("completed", None)
    assert (await inside.http.get(done["output"][0])).headers["content-type"] == "image/png"


@pytest.mark.parametrize("name", ["ImageLoadError", "ContentModerationError", "PoseError", "ThirdPartyError"])
async def test_a_failure_at_fashn_is_a_status_and_not_an_http_error(inside: Inside, name: str) -> None:
    await inside.knobs(outcome=name)
    failed = await fashn(inside)
    assert (failed["status"], failed["error"]["name"], failed["output"]) == ("failed", name, None)


async def test_fashn_limits_how_often_it_is_asked(inside: Inside) -> None:
    answers = [await inside.http.get("/v1/status/x", headers=BEARER) for _ in range(51)]
    assert [answer.status_code for answer in answers] == [404] * 50 + [429]
    assert answers[-1].json()["error"] == "RateLimitExceeded"


async def test_fal_queues_and_gives_links(inside: Inside) -> None:
    queued = (await post(inside, "/fal-ai/fashn/tryon/v1.6", KEY, MODEL)).json()
    status = await inside.http.get(queued["status_url"], headers=KEY)
    assert (status.status_code, status.json()["status"]) == (200, "COMPLETED")
    result = (await inside.http.get(queued["response_url"], headers=KEY)).json()
    assert result["images"][0]["content_type"] == "image/png"
    assert (await inside.http.put(queued["cancel_url"], headers=KEY)).json() == {"status": "ALREADY_COMPLETED"}


@pytest.mark.parametrize("quiet", [False, True])
async def test_a_failure_at_fal_is_told_by_the_status_or_only_by_the_result(inside: Inside, quiet: bool) -> None:
    await inside.knobs(outcome="content_policy_violation", quiet_status=quiet)
    queued = (await post(inside, "/fal-ai/fashn/tryon/v1.6", KEY, MODEL)).json()
    status = (await inside.http.get(queued["status_url"], headers=KEY)).json()
    assert status.get("error_type") == (None if quiet else "content_policy_violation")
    result = await inside.http.get(queued["response_url"], headers=KEY)
    assert (result.status_code, result.headers["x-fal-error-type"]) == (422, "content_policy_violation")
    assert result.json()["detail"][0]["type"] == "content_policy_violation"


async def test_replicate_predicts(inside: Inside) -> None:
    answer = await post(inside, "/v1/predictions", BEARER, PREDICTION)
    assert answer.status_code == 201
    link = answer.json()["urls"]["get"]
    assert isinstance((await inside.http.get(link, headers=BEARER)).json()["output"], str)
    await inside.knobs(as_list=True)
    assert isinstance((await inside.http.get(link, headers=BEARER)).json()["output"], list)
    await inside.knobs(held=True)
    working = (await inside.http.get(link, headers=BEARER)).json()
    assert (working["status"], "50%|" in working["logs"]) == ("processing", True)
    canceled = (await inside.http.post(f"{link}/cancel", headers=BEARER)).json()
    assert canceled["status"] == "canceled"


async def test_vertex_takes_only_tokens_that_it_gave(inside: Inside) -> None:
    answer = await post(inside, VERTEX, {"Authorization": "Bearer ya29.mine"}, INSTANCES)
    assert (answer.status_code, answer.json()["error"]["status"]) == (401, "UNAUTHENTICATED")
    token = await inside.http.post("/token", data={"assertion": "not signed"})
    assert (token.status_code, token.json()["error"]) == (400, "invalid_grant")


@pytest.mark.parametrize(
    ("path", "headers", "body", "status"),
    [
        ("/v1/run", {}, RUN, 401),
        ("/v1/run", KEY, RUN, 401),
        ("/v1/run", BEARER, {"model_name": "other", "inputs": MODEL}, 400),
        ("/v1/run", BEARER, {"model_name": "tryon-v1.6", "inputs": MODEL | {"category": "hats"}}, 400),
        ("/v1/run", BEARER, {"model_name": "tryon-v1.6", "inputs": MODEL | {"colour": "red"}}, 400),
        ("/v1/run", BEARER, {"model_name": "tryon-v1.6", "inputs": {"model_image": "http://x/y.png"}}, 400),
        ("/fal-ai/fashn/tryon/v1.6", BEARER, MODEL, 401),
        ("/fal-ai/fashn/tryon/v1.6", KEY, MODEL | {"mode": "slow"}, 422),
        ("/v1/predictions", {}, PREDICTION, 401),
        ("/v1/predictions", BEARER, {"version": "0513", "input": {"category": "tops"}}, 422),
    ],
)
async def test_what_a_provider_would_refuse_is_refused(
    inside: Inside, path: str, headers: dict[str, str], body: Any, status: int
) -> None:
    assert (await inside.http.post(path, headers=headers, json=body)).status_code == status
    assert inside.runs == []


async def test_faults_are_counted_down(inside: Inside) -> None:
    await inside.fault("submit", "error", provider="fashn", status=429, name="OutOfCredits", retry_after="3", count=2)
    answers = [await post(inside, "/v1/run", BEARER, RUN) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [429, 429, 200]
    assert (answers[0].json()["error"], answers[0].headers["retry-after"]) == ("OutOfCredits", "3")


async def test_an_answer_can_be_lost_after_the_work_was_begun(inside: Inside) -> None:
    await inside.fault("submit", "cut", after=True)
    with pytest.raises(httpx.RemoteProtocolError):
        await inside.http.post("/v1/run", headers=BEARER, json=RUN)
    assert len(inside.runs) == 1


@pytest.mark.parametrize("knobs", [{"speed": 1}, {"queue_ms": -1}, {"faults": [{"step": "lunch", "kind": "cut"}]}, []])
async def test_an_unknown_knob_or_value_is_refused(inside: Inside, knobs: Any) -> None:
    assert (await inside.http.put("/_sandbox/knobs", json=knobs)).status_code == 400


async def test_what_was_begun_can_be_seen_and_forgotten(inside: Inside) -> None:
    await fashn(inside)
    [run] = (await inside.http.get("/_sandbox/runs")).json()["runs"]
    assert (run["provider"], run["phase"], run["person"]) == ("fashn", "done", [40, 60])
    await inside.http.post("/_sandbox/reset")
    assert (await inside.http.get("/_sandbox/runs")).json()["runs"] == []


MODELS = Path(__file__).parents[3] / ".cache" / "models"


async def test_the_local_engine_makes_the_pictures_and_says_what_is_wrong() -> None:
    async with running(painter="local", model_dir=MODELS) as real:
        failed = await fashn(real)
    assert (failed["status"], failed["error"]["name"]) == ("failed", "PipelineError")
    assert "pixels" in failed["error"]["message"]
