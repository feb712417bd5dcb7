from collections.abc import Callable

import numpy as np
import pytest

from sandbox.stack import Stack
from tests.e2e import pictures
from tests.e2e.browser import Browser, Json, fetch
from tests.e2e.contract import assert_refused, violations
from tests.e2e.faults import changed, stopped
from tests.e2e.fitting import GENERATE, JOBS, KEY, TryOn, bring

SORRY = "AI generation failed. Please try again later."


def test_a_try_on_answers_200_with_the_picture_and_what_is_left(stack: Stack, tryon: TryOn) -> None:
    assert tryon.answer.status_code == 200, tryon.answer.text
    assert set(tryon.body) == {"message", "image", "creditsRemaining", "job"}
    assert tryon.body["message"] == "Try-on generated successfully"
    assert set(tryon.body["image"]) == {"id", "url", "createdAt"}
    assert tryon.body["image"]["url"].startswith(f"{stack.url}/")
    job = tryon.body["job"]
    assert (job["status"], job["stage"], job["progress"], job["engine"]) == ("succeeded", "done", 100, "local")
    assert (job["personImageId"], job["outfitImageId"]) == (tryon.form["personImageId"], tryon.form["outfitImageId"])
    assert job["image"] == tryon.body["image"]
    assert job["createdAt"] <= job["finishedAt"]
    assert "error" not in job


def test_a_try_on_costs_one_credit_and_everybody_agrees(tryon: TryOn) -> None:
    balance = tryon.user.get("/api/billing/balance").json()
    profile = tryon.user.get("/api/auth/profile").json()["user"]
    assert tryon.body["creditsRemaining"] == profile["credits"] == balance["credits"] == 4
    assert balance["held"] == 0


def test_spending_shows_in_the_transactions(tryon: TryOn) -> None:
    answer = tryon.user.get("/api/billing/transactions")
    assert answer.status_code == 200
    assert tryon.body["job"]["id"] in answer.text


def test_the_result_is_a_jpeg_in_the_shape_of_the_persons_photo(tryon: TryOn) -> None:
    shown = fetch(tryon.body["image"]["url"])
    assert shown.headers["content-type"] == "image/jpeg"
    result = pictures.decoded(shown.content)
    assert (result.format, result.mode) == ("JPEG", "RGB")
    width, height = pictures.PERSON_SIZE
    assert abs(result.width / result.height - width / height) < 1 / height


def test_the_result_differs_from_the_photo_where_the_outfit_is(tryon: TryOn) -> None:
    before = pictures.decoded(pictures.person())
    after = pictures.decoded(fetch(tryon.body["image"]["url"]).content).resize(before.size)
    changes = np.abs(pictures.pixels(after) - pictures.pixels(before)).max(axis=2)
    left, top, right, bottom = pictures.TORSO
    assert changes[top:bottom, left:right].mean() > 40
    left, top, right, bottom = pictures.SKY
    assert changes[top:bottom, left:right].mean() < 10


def test_the_result_is_in_the_gallery(tryon: TryOn) -> None:
    (image,) = tryon.user.images(type="generated")
    assert {name: image[name] for name in ("id", "url", "createdAt")} == tryon.body["image"]
    assert (image["type"], image["userId"]) == ("generated", tryon.user.user_id)


def test_saving_the_result_gives_the_image_that_is_in_the_gallery_already(tryon: TryOn) -> None:
    saved = tryon.user.post("/api/images/save", json={"url": tryon.body["image"]["url"]})
    assert saved.status_code == 201
    assert saved.json()["image"]["id"] == tryon.body["image"]["id"]
    assert len(tryon.user.images(type="generated")) == 1


def test_the_same_idempotency_key_gives_the_first_answer_and_costs_once(tryon: TryOn) -> None:
    again = tryon.user.post(GENERATE, json=tryon.form, headers={"idempotency-key": KEY})
    assert again.status_code == 200
    assert again.json() == tryon.body
    assert tryon.user.credits() == 4


@pytest.mark.parametrize("change", [{"seed": 8}, {"category": "auto"}, {"outputFormat": "png"}])
def test_the_same_idempotency_key_with_another_body_is_a_409(tryon: TryOn, change: Json) -> None:
    answer = tryon.user.post(GENERATE, json=tryon.form | change, headers={"idempotency-key": KEY})
    assert_refused(answer, 409)


@pytest.mark.parametrize("output_format", ["png", "webp"])
def test_the_result_comes_in_the_format_that_was_asked_for(user: Browser, output_format: str) -> None:
    answer = user.post(GENERATE, json=bring(user) | {"outputFormat": output_format, "mode": "fast"})
    assert answer.status_code == 200, answer.text
    shown = fetch(answer.json()["image"]["url"])
    assert shown.headers["content-type"] == f"image/{output_format}"
    assert pictures.decoded(shown.content).format == output_format.upper()


@pytest.mark.parametrize("path", [GENERATE, JOBS])
@pytest.mark.parametrize("form", [{}, {"personImageId": "a"}, {"outfitImageId": "a"}, {"personImageId": ""}])
def test_both_images_are_required(user: Browser, path: str, form: Json) -> None:
    assert_refused(user.post(path, json=form), 400, "Both personImageId and outfitImageId are required")


@pytest.mark.parametrize("path", [GENERATE, JOBS])
def test_the_images_must_be_of_their_types(tryon: TryOn, path: str) -> None:
    person, outfit = tryon.form["personImageId"], tryon.form["outfitImageId"]
    swapped = tryon.user.post(path, json={"personImageId": outfit, "outfitImageId": person})
    assert_refused(swapped, 400, "First image must be a user photo")
    twice = tryon.user.post(path, json={"personImageId": person, "outfitImageId": person})
    assert_refused(twice, 400, "Second image must be an outfit")
    result = tryon.user.post(path, json={"personImageId": person, "outfitImageId": tryon.body["image"]["id"]})
    assert_refused(result, 400, "Second image must be an outfit")


@pytest.mark.parametrize("path", [GENERATE, JOBS])
def test_images_that_do_not_exist_or_are_somebody_elses_are_not_found(user: Browser, tryon: TryOn, path: str) -> None:
    own = user.upload(pictures.noise())["id"]
    for person, outfit in ((own, "nothing"), ("nothing", own), (own, tryon.form["outfitImageId"])):
        answer = user.post(path, json={"personImageId": person, "outfitImageId": outfit})
        assert_refused(answer, 404, "One or both images not found")


@pytest.mark.parametrize("path", [GENERATE, JOBS])
def test_a_try_on_needs_credentials(browser: Browser, path: str) -> None:
    form = {"personImageId": "a", "outfitImageId": "b"}
    assert_refused(browser.post(path, json=form), 401, "Authentication required")


@pytest.mark.parametrize("path", [GENERATE, JOBS])
@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("category", "shoes"),
        ("garmentPhotoType", "flat-lay"),
        ("mode", "FAST"),
        ("outputFormat", "gif"),
        ("seed", -1),
        ("seed", "lucky"),
        ("seed", 1.5),
    ],
)
def test_an_invalid_option_is_a_400(tryon: TryOn, path: str, option: str, value: object) -> None:
    assert_refused(tryon.user.post(path, json=tryon.form | {option: value}), 400)


@pytest.mark.parametrize(("option", "value"), [("category", "shoes"), ("mode", "FAST"), ("seed", -1)])
def test_the_refusal_of_an_option_names_it_as_it_was_sent(tryon: TryOn, option: str, value: object) -> None:
    answer = tryon.user.post(GENERATE, json=tryon.form | {option: value})
    assert violations(answer) == {option: answer.json()["message"]}


def test_a_photo_without_a_person_is_a_400_with_a_reason_and_costs_nothing(user: Browser) -> None:
    answer = user.post(GENERATE, json=bring(user, pictures.landscape()))
    assert_refused(answer, 400, reason="NO_PERSON_FOUND")
    assert user.credits() == 5
    assert user.images(type="generated") == []


def test_an_engine_that_makes_no_picture_is_a_503_and_costs_nothing(stack: Stack, user: Browser) -> None:
    form = bring(user)
    with changed(stack, "worker", ENGINE_TIMEOUT_SECONDS="0.001"):
        assert_refused(user.post(GENERATE, json=form), 503, SORRY)
    assert user.credits() == 5
    assert user.images(type="generated") == []


def test_a_ledger_that_does_not_answer_is_a_503_and_costs_nothing(stack: Stack, user: Browser) -> None:
    form = bring(user)
    with stopped(stack, "billing"):
        assert_refused(user.post(GENERATE, json=form), 503, SORRY)
    assert user.credits() == 5


def test_a_refused_try_on_costs_nothing(tryon: TryOn, signed_up: Callable[[], Browser]) -> None:
    user = signed_up()
    for form in ({}, tryon.form, bring(user) | {"mode": "none"}):
        assert user.post(GENERATE, json=form).is_error
    assert user.credits() == 5
