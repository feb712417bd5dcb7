"""Who may store, and for how long."""

from __future__ import annotations

import cloudinary.exceptions
import cloudinary.utils
import pytest

from sandbox.cloudinary.signatures import string_to_sign

from .conftest import Cloud, picture

PHOTO = picture()


def signed(cloud: Cloud, version: int = 2, algorithm: str = "sha1", **params: str) -> dict[str, str]:
    """Parameters with the SDK's signature of the given version."""
    params = {"timestamp": str(int(cloud.clock.now))} | params
    signature = cloudinary.utils.api_sign_request(params, cloud.config.api_secret, algorithm, version)
    return params | {"signature": signature, "api_key": cloud.config.api_key}


@pytest.mark.parametrize("version", [1, 2])
def test_the_string_to_sign_is_the_sdks(version: int) -> None:
    params = {"public_id": "a&b=c", "folder": "virtual-tryon/user", "timestamp": "1", "empty": ""}
    assert string_to_sign(params, version) == cloudinary.utils.api_string_to_sign(params, version)


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
async def test_every_signature_that_the_sdk_can_make_is_accepted(cloud: Cloud, version: int, algorithm: str) -> None:
    answer = await cloud.post("upload", signed(cloud, version, algorithm, public_id="ann"), PHOTO)
    assert answer.status_code == 200, answer.text


async def test_a_parameter_that_was_changed_after_signing_is_refused(cloud: Cloud) -> None:
    answer = await cloud.post("upload", signed(cloud, public_id="ann") | {"public_id": "bob"}, PHOTO)
    assert answer.status_code == 401
    message = answer.json()["error"]["message"]
    assert message.startswith("Invalid Signature")
    assert "public_id=bob" in message
    assert answer.headers["X-Cld-Error"] == message


async def test_a_parameter_that_was_added_after_signing_is_refused(cloud: Cloud) -> None:
    answer = await cloud.post("upload", signed(cloud, public_id="ann") | {"type": "authenticated"}, PHOTO)
    assert answer.status_code == 401


async def test_a_value_cannot_pose_as_another_parameter_in_version_2(cloud: Cloud) -> None:
    smuggled = signed(cloud, 2, folder="x&public_id=ann")
    split = smuggled | {"folder": "x", "public_id": "ann"}
    assert (await cloud.post("upload", split, PHOTO)).status_code == 401


async def test_the_secret_key_and_cloud_must_be_right(cloud: Cloud) -> None:
    for wrong in ({"api_secret": "other"}, {"api_key": "1"}, {"cloud_name": "other"}):
        with pytest.raises(cloudinary.exceptions.AuthorizationRequired):
            await cloud.upload(PHOTO, **wrong)
    assert await cloud.calls() == [("upload", 401)] * 3


async def test_an_unsigned_call_is_refused(cloud: Cloud) -> None:
    answer = await cloud.post("upload", {"timestamp": str(int(cloud.clock.now))}, PHOTO)
    assert (answer.status_code, answer.json()["error"]["message"]) == (
        400,
        "Upload preset must be specified when using unsigned upload",
    )


@pytest.mark.parametrize("signature", ["x", "é" * 40, "0" * 40, "0" * 64])
async def test_a_made_up_signature_is_refused(cloud: Cloud, signature: str) -> None:
    answer = await cloud.post("destroy", signed(cloud, public_id="ann") | {"signature": signature})
    assert answer.status_code == 401


@pytest.mark.parametrize(("age", "status"), [(0, 200), (3600, 200), (3601, 400), (-3600, 200), (-3601, 400)])
async def test_a_signature_is_good_for_one_hour(cloud: Cloud, age: int, status: int) -> None:
    params = signed(cloud, timestamp=str(int(cloud.clock.now) - age), public_id="ann")
    answer = await cloud.post("destroy", params)
    assert answer.status_code == status, answer.text
    assert status == 200 or "Stale request" in answer.json()["error"]["message"]


@pytest.mark.parametrize("timestamp", ["", "yesterday", "-5", "9" * 30])
async def test_a_timestamp_that_is_none_is_refused(cloud: Cloud, timestamp: str) -> None:
    answer = await cloud.post("destroy", signed(cloud, timestamp=timestamp, public_id="ann"))
    assert answer.status_code == 400
