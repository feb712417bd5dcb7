"""Failing on demand, as the SDK sees it."""

from __future__ import annotations

import time
from typing import Any

import cloudinary.exceptions as sdk
import pytest

from .conftest import Cloud, picture

PHOTO = picture()


@pytest.mark.parametrize(
    ("how", "kind"),
    [
        ("bad_request", sdk.BadRequest),
        ("unauthorized", sdk.AuthorizationRequired),
        ("not_allowed", sdk.NotAllowed),
        ("not_found", sdk.NotFound),
        ("conflict", sdk.AlreadyExists),
        ("rate_limited", sdk.RateLimited),
        ("too_many_requests", sdk.RateLimited),
        ("server_error", sdk.GeneralError),
        ("unavailable", sdk.GeneralError),
        ("bad_gateway", sdk.Error),
        ("cut", sdk.Error),
    ],
)
async def test_each_fault_is_raised_by_the_sdk_as_its_own_error(cloud: Cloud, how: str, kind: type[Exception]) -> None:
    await cloud.fail(how)
    with pytest.raises(sdk.Error) as raised:
        await cloud.upload(PHOTO, public_id="ann")
    assert type(raised.value) is kind
    assert (await cloud.http.get("/_sandbox/stored")).json() == {"assets": []}
    await cloud.upload(PHOTO, public_id="ann")


@pytest.mark.parametrize(("how", "status"), [("rate_limited", 420), ("too_many_requests", 429)])
async def test_a_limited_rate_is_told_in_headers(cloud: Cloud, how: str, status: int) -> None:
    await cloud.fail(how)
    answer = await cloud.post("upload", {})
    assert answer.status_code == status
    assert answer.headers["X-FeatureRateLimit-Limit"] == "500"
    assert answer.headers["X-FeatureRateLimit-Remaining"] == "0"
    assert answer.headers["X-FeatureRateLimit-Reset"].endswith("GMT")


async def test_a_bad_gateway_is_a_page_and_no_json(cloud: Cloud) -> None:
    await cloud.fail("bad_gateway")
    answer = await cloud.post("upload", {})
    assert (answer.status_code, answer.headers["content-type"]) == (502, "text/html; charset=utf-8")


async def test_a_fault_afterwards_loses_only_the_answer(cloud: Cloud) -> None:
    await cloud.fail("cut", after=True)
    with pytest.raises(sdk.Error, match="IncompleteRead"):
        await cloud.upload(PHOTO, public_id="ann")
    assert [asset["public_id"] for asset in (await cloud.http.get("/_sandbox/stored")).json()["assets"]] == ["ann"]


async def test_a_fault_lasts_for_as_many_calls_as_it_was_told(cloud: Cloud) -> None:
    await cloud.fail("server_error", count=2)
    for _ in range(3):
        await cloud.post("destroy", {})
    assert await cloud.calls() == [("destroy", 500), ("destroy", 500), ("destroy", 400)]


async def test_a_fault_can_be_for_one_action_only(cloud: Cloud) -> None:
    await cloud.fail("unavailable", on="delivery")
    answer = await cloud.upload(PHOTO, public_id="ann")
    assert (await cloud.http.get(answer["url"])).status_code == 503
    assert (await cloud.http.get(answer["url"])).content == PHOTO


async def test_a_slow_cloud_runs_into_the_clients_timeout(cloud: Cloud) -> None:
    await cloud.http.put("/_sandbox/knobs", json={"delay_ms": 2_000})
    began = time.monotonic()
    with pytest.raises(sdk.Error, match="timed out"):
        await cloud.destroy("ann", timeout=0.1)
    assert time.monotonic() - began < 1.5


@pytest.mark.parametrize(
    "knobs",
    [
        {"colour": "red"},
        {"fail": {"how": "sideways"}},
        {"fail": {"how": "cut", "on": "monday"}},
        {"fail": {"how": "cut", "count": 0}},
        {"fail": {"how": "cut", "after": "yes"}},
        {"fail": {"when": "now"}},
        {"fail": "cut"},
        {"delay_ms": -1},
        {"delay_ms": True},
        [],
    ],
)
async def test_a_knob_that_makes_no_sense_is_refused_and_changes_nothing(cloud: Cloud, knobs: Any) -> None:
    answer = await cloud.http.put("/_sandbox/knobs", json=knobs)
    assert answer.status_code == 400, answer.text
    assert (await cloud.http.get("/_sandbox/knobs")).json() == {"fail": None, "delay_ms": 0}


async def test_a_reset_turns_the_knobs_back(cloud: Cloud) -> None:
    await cloud.http.put("/_sandbox/knobs", json={"delay_ms": 5, "fail": {"how": "cut", "count": 3}})
    await cloud.http.post("/_sandbox/reset")
    assert (await cloud.http.get("/_sandbox/knobs")).json() == {"fail": None, "delay_ms": 0}


async def test_an_unknown_path_is_404_in_cloudinarys_json(cloud: Cloud) -> None:
    answer = await cloud.http.post("/v1_1/sandbox/video/upload")
    assert (answer.status_code, answer.json()["error"]["message"]) == (
        404,
        "Resource not found - /v1_1/sandbox/video/upload",
    )
