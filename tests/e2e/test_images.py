from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from sandbox.stack import Stack
from tests.e2e import pictures
from tests.e2e.browser import Browser, fetch
from tests.e2e.contract import assert_refused


def test_the_gallery_is_empty_at_first(user: Browser) -> None:
    answer = user.get("/api/images")
    assert answer.status_code == 200
    assert answer.json() == {"images": [], "nextPageToken": ""}


def test_the_gallery_needs_credentials(browser: Browser) -> None:
    assert_refused(browser.get("/api/images"), 401, "Authentication required")
    assert_refused(browser.delete("/api/images/any"), 401, "Authentication required")


def test_the_gallery_shows_images_as_they_were_uploaded_newest_first(user: Browser) -> None:
    uploaded = [user.upload(pictures.noise(), kind) for kind in ("user", "outfit", "user")]
    shown = user.images()
    assert shown == uploaded[::-1]
    for image in shown:
        assert set(image) - {"cloudinaryId"} >= {"id", "userId", "type", "url", "metadata", "createdAt"}
        assert image["userId"] == user.user_id
        assert image["metadata"] == {}


def test_ids_of_images_sort_by_time(user: Browser) -> None:
    ids = [user.upload(pictures.noise())["id"] for _ in range(3)]
    assert ids == sorted(ids)


@pytest.mark.parametrize("kind", ["user", "outfit", "generated"])
def test_the_gallery_can_show_one_type_only(user: Browser, kind: str) -> None:
    photo, outfit = user.upload(pictures.noise(), "user"), user.upload(pictures.noise(), "outfit")
    saved = user.post("/api/images/save", json={"url": photo["url"]}).json()["image"]
    expected = {"user": photo, "outfit": outfit, "generated": saved}
    assert user.images(type=kind) == [expected[kind]]


@pytest.mark.parametrize("kind", ["", "all", "USER", "null"])
def test_an_unknown_type_means_no_filter(user: Browser, kind: str) -> None:
    ids = {user.upload(pictures.noise(), one)["id"] for one in ("user", "outfit")}
    assert {image["id"] for image in user.images(type=kind, sort="oldest")} == ids


def test_nobody_sees_the_images_of_others(signed_up: Callable[[], Browser]) -> None:
    ann, eve = signed_up(), signed_up()
    ann.upload(pictures.noise())
    assert eve.images() == []


def test_pages_put_together_are_the_whole_gallery(user: Browser) -> None:
    uploaded = [user.upload(pictures.noise())["id"] for _ in range(5)]
    pages: list[list[str]] = []
    token = ""
    while token or not pages:
        page = user.get("/api/images", params={"pageSize": 2, "pageToken": token}).json()
        pages.append([image["id"] for image in page["images"]])
        token = page["nextPageToken"]
    assert [len(page) for page in pages] == [2, 2, 1]
    assert [image_id for page in pages for image_id in page] == uploaded[::-1]


def test_a_page_token_keeps_its_place_while_images_come_and_go(user: Browser) -> None:
    oldest, middle, newest = (user.upload(pictures.noise())["id"] for _ in range(3))
    token = user.get("/api/images", params={"pageSize": 2}).json()["nextPageToken"]
    user.upload(pictures.noise())
    user.delete(f"/api/images/{middle}")
    user.delete(f"/api/images/{newest}")
    page = user.get("/api/images", params={"pageSize": 2, "pageToken": token}).json()
    assert [image["id"] for image in page["images"]] == [oldest]


def test_without_a_page_size_all_images_come_at_once(user: Browser) -> None:
    with ThreadPoolExecutor(4) as pool:
        ids = {image["id"] for image in pool.map(lambda _: user.upload(pictures.noise()), range(120))}
    answer = user.get("/api/images").json()
    assert {image["id"] for image in answer["images"]} == ids
    assert answer["nextPageToken"] == ""


@pytest.mark.parametrize("query", ["pageSize=0", "pageSize=-1", "pageSize=1001", "pageSize=ten", "pageSize=1.5"])
def test_an_invalid_page_size_is_a_400(user: Browser, query: str) -> None:
    assert_refused(user.get(f"/api/images?{query}"), 400)


@pytest.mark.parametrize("token", ["x", "%00", "🎫", "YQ==", "../../etc/passwd", "AAAAAAAA" * 6])
def test_an_invalid_page_token_is_a_400(user: Browser, token: str) -> None:
    assert_refused(user.get("/api/images", params={"pageToken": token}), 400)


def test_deleting_an_image_takes_it_out_of_the_gallery(user: Browser) -> None:
    image, kept = user.upload(pictures.noise()), user.upload(pictures.noise())
    answer = user.delete(f"/api/images/{image['id']}")
    assert answer.status_code == 200
    assert answer.json() == {"message": "Image deleted successfully"}
    assert user.images() == [kept]


@pytest.mark.parametrize("image_id", ["nothing", "01a205bb-f6ad-74b4-91cc-43a8aa216375", "%20", "ü"])
def test_an_image_that_does_not_exist_is_not_found(user: Browser, image_id: str) -> None:
    assert_refused(user.delete(f"/api/images/{image_id}"), 404, "Image not found")


def test_an_image_can_be_deleted_once(user: Browser) -> None:
    image = user.upload(pictures.noise())
    user.delete(f"/api/images/{image['id']}")
    assert_refused(user.delete(f"/api/images/{image['id']}"), 404, "Image not found")


def test_an_image_of_somebody_else_looks_like_none_at_all(signed_up: Callable[[], Browser]) -> None:
    ann, eve = signed_up(), signed_up()
    image = ann.upload(pictures.noise())
    refused = eve.delete(f"/api/images/{image['id']}")
    assert_refused(refused, 404, "Image not found")
    assert refused.content == eve.delete("/api/images/nothing").content
    assert ann.images() == [image]


def test_the_url_of_an_image_works_without_cookies(stack: Stack, user: Browser) -> None:
    image = user.upload(pictures.noise(size=(96, 128)))
    assert image["url"].startswith(f"{stack.url}/")
    shown = fetch(image["url"])
    assert shown.status_code == 200
    assert shown.headers["content-type"] == "image/jpeg"
    assert pictures.decoded(shown.content).size == (96, 128)


def test_the_url_dies_with_the_image(user: Browser) -> None:
    image = user.upload(pictures.noise())
    assert fetch(image["url"]).status_code == 200
    user.delete(f"/api/images/{image['id']}")
    gone = fetch(image["url"])
    assert_refused(gone, 404, "Image not found")
    assert "immutable" not in gone.headers.get("cache-control", "")


def test_a_url_cannot_be_made_up(user: Browser) -> None:
    first, second = (user.upload(pictures.noise())["url"] for _ in range(2))
    place, query = first.split("?")
    tampered = [place, f"{place}?{second.split('?')[1]}", f"{place}?{query}x", first.replace("exp=", "exp=9")]
    for url in tampered:
        assert_refused(fetch(url), 404, "Image not found")


def test_an_uploaded_picture_loses_what_the_camera_wrote_into_it(user: Browser) -> None:
    shown = pictures.decoded(fetch(user.upload(pictures.tagged())["url"]).content)
    assert not shown.getexif()
    assert b"Secret Street" not in shown.tobytes()
    assert shown.size == (128, 96), "the picture was not turned upright"
