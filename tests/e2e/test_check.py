import pytest

from tests.e2e import pictures
from tests.e2e.browser import Browser, Json
from tests.e2e.contract import assert_refused
from tests.e2e.fitting import TryOn

CHECK = "/api/tryon/check"


@pytest.mark.parametrize("fields", [["personImageId"], ["outfitImageId"], ["personImageId", "outfitImageId"]])
def test_good_images_are_ok(tryon: TryOn, fields: list[str]) -> None:
    before = tryon.user.credits()
    answer = tryon.user.post(CHECK, json={field: tryon.form[field] for field in fields})
    assert answer.status_code == 200
    assert answer.json() == {"ok": True, "problems": []}
    assert tryon.user.credits() == before


def test_a_photo_without_a_person_is_a_problem_that_is_explained(user: Browser) -> None:
    photo = user.upload(pictures.landscape())
    answer = user.post(CHECK, json={"personImageId": photo["id"]})
    assert answer.status_code == 200
    assert answer.json()["ok"] is False
    (problem,) = answer.json()["problems"]
    assert (problem["field"], problem["reason"]) == ("personImageId", "NO_PERSON_FOUND")
    assert problem["message"].endswith(".")
    assert user.credits() == 5


@pytest.mark.parametrize("form", [{}, {"personImageId": ""}, {"personImageId": None, "outfitImageId": ""}])
def test_at_least_one_image_is_required(user: Browser, form: Json) -> None:
    assert_refused(user.post(CHECK, json=form), 400)


@pytest.mark.parametrize("field", ["personImageId", "outfitImageId"])
def test_images_that_are_not_the_users_are_not_found(user: Browser, tryon: TryOn, field: str) -> None:
    for image_id in ("nothing", tryon.form[field]):
        assert_refused(user.post(CHECK, json={field: image_id}), 404)


def test_checking_needs_credentials(browser: Browser) -> None:
    assert_refused(browser.post(CHECK, json={"personImageId": "a"}), 401, "Authentication required")
