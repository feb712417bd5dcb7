import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from sandbox.stack import Stack
from tests.e2e import pictures
from tests.e2e.browser import Browser, Json, fetch
from tests.e2e.contract import assert_refused

SAVE = "/api/images/save"


def test_saving_ones_own_picture_puts_it_among_the_generated_ones(user: Browser) -> None:
    photo = user.upload(pictures.noise())
    form = {"url": photo["url"], "cloudinaryId": "ignored", "metadata": {"mood": "sunny", "tags": [1, None, True]}}
    answer = user.post(SAVE, json=form)
    assert answer.status_code == 201
    assert set(answer.json()) == {"message", "image"}
    assert answer.json()["message"] == "Image saved successfully"
    image = answer.json()["image"]
    assert (image["type"], image["userId"]) == ("generated", user.user_id)
    assert image["metadata"] == form["metadata"]
    assert user.images(type="generated") == [image]
    assert fetch(image["url"]).content == fetch(photo["url"]).content


def test_saving_twice_gives_the_image_of_the_first_time(user: Browser) -> None:
    photo = user.upload(pictures.noise())
    first = user.post(SAVE, json={"url": photo["url"]}).json()["image"]
    for url in (photo["url"], first["url"]):
        again = user.post(SAVE, json={"url": url})
        assert again.status_code == 201
        assert again.json()["image"] == first
    assert len(user.images()) == 2


def test_a_double_click_saves_once(user: Browser) -> None:
    photo = user.upload(pictures.noise())
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: user.post(SAVE, json={"url": photo["url"]}), range(4)))
    assert len({answer.json()["image"]["id"] for answer in answers}) == 1


def test_a_saved_image_outlives_the_one_it_was_saved_from(user: Browser) -> None:
    photo = user.upload(pictures.noise())
    saved = user.post(SAVE, json={"url": photo["url"]}).json()["image"]
    user.delete(f"/api/images/{photo['id']}")
    assert fetch(saved["url"]).status_code == 200
    assert fetch(photo["url"]).status_code == 404


def test_saving_needs_credentials(browser: Browser) -> None:
    assert_refused(browser.post(SAVE, json={"url": "https://example.com/a.jpg"}), 401, "Authentication required")


@pytest.mark.parametrize("form", [{}, {"url": ""}, {"url": None}, {"cloudinaryId": "a", "metadata": {}}])
def test_the_url_is_required(user: Browser, form: Json) -> None:
    assert_refused(user.post(SAVE, json=form), 400, "Image URL is required")


@pytest.mark.parametrize("url", ["https://example.com/a.jpg", "file:///etc/passwd", "a", "data:image/png;base64,aGk="])
def test_a_url_that_is_not_ours_is_refused(user: Browser, url: str) -> None:
    assert_refused(user.post(SAVE, json={"url": url}), 400)
    assert user.images() == []


def test_the_picture_of_somebody_else_cannot_be_saved(signed_up: Callable[[], Browser]) -> None:
    ann, eve = signed_up(), signed_up()
    photo = ann.upload(pictures.noise())
    assert_refused(eve.post(SAVE, json={"url": photo["url"]}), 400)
    assert eve.images() == []


def test_a_deleted_picture_cannot_be_saved(user: Browser) -> None:
    photo = user.upload(pictures.noise())
    user.delete(f"/api/images/{photo['id']}")
    assert_refused(user.post(SAVE, json={"url": photo["url"]}), 400)


def test_foreign_urls_are_not_fetched(stack: Stack, user: Browser) -> None:
    photo = user.upload(pictures.noise())
    with socket.create_server(("127.0.0.1", 0)) as trap:
        trap.settimeout(0.3)
        foreign = photo["url"].replace(stack.url, f"http://127.0.0.1:{trap.getsockname()[1]}")
        assert_refused(user.post(SAVE, json={"url": foreign}), 400)
        with pytest.raises(TimeoutError):
            trap.accept()
