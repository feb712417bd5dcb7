from collections.abc import Iterator

import httpx
import pytest

from sandbox.stack import Stack
from tests.e2e import pictures
from tests.e2e.browser import NO_TLS, Browser, fetch
from tests.e2e.contract import assert_refused, check_every_answer

UPLOAD = "/api/images/upload"
LIMIT = 5 * 1024 * 1024
TOO_LARGE = "File size exceeds 5MB limit"
WRONG_TYPE = "Invalid image type. Must be: user or outfit"
WRONG_FILE = "Invalid file type. Allowed: jpg, jpeg, png, webp"
FORM = {"content-type": "multipart/form-data; boundary=limit"}


def _send(user: Browser, data: bytes, kind: str = "user", name: str = "photo.jpg") -> httpx.Response:
    return user.post(UPLOAD, data={"type": kind}, files={"image": (name, data)})


def _type_part(kind: str = "user") -> bytes:
    return f'--limit\r\nContent-Disposition: form-data; name="type"\r\n\r\n{kind}\r\n'.encode()


def _file_part(data: bytes) -> bytes:
    head = b'--limit\r\nContent-Disposition: form-data; name="image"; filename="a.jpg"\r\nContent-Type: image/jpeg'
    return head + b"\r\n\r\n" + data + b"\r\n"


def _in_pieces(body: bytes, size: int = 50_000) -> Iterator[bytes]:
    return (body[start : start + size] for start in range(0, len(body), size))


@pytest.mark.parametrize("kind", ["user", "outfit"])
def test_an_upload_answers_201_with_the_image(stack: Stack, user: Browser, kind: str) -> None:
    answer = _send(user, pictures.noise(size=(96, 128)), kind)
    assert answer.status_code == 201
    assert set(answer.json()) == {"message", "image"}
    assert answer.json()["message"] == "Image uploaded successfully"
    image = answer.json()["image"]
    assert image["type"] == kind
    assert image["userId"] == user.user_id
    assert (image["width"], image["height"], image["contentType"]) == (96, 128, "image/jpeg")
    assert image["url"].startswith(f"{stack.url}/")
    assert image["id"]
    assert image["createdAt"]


@pytest.mark.parametrize(("kind", "media_type"), [("JPEG", "image/jpeg"), ("PNG", "image/png"), ("WEBP", "image/webp")])
def test_every_allowed_kind_of_file_can_be_uploaded(user: Browser, kind: str, media_type: str) -> None:
    image = user.upload(pictures.noise(kind))
    shown = fetch(image["url"])
    assert shown.headers["content-type"] == image["contentType"] == media_type
    assert pictures.decoded(shown.content).format == kind


@pytest.mark.parametrize("parts", [(_type_part(), _file_part), (_file_part, _type_part())])
def test_the_fields_may_come_in_any_order(user: Browser, parts: tuple[object, object]) -> None:
    photo = pictures.noise()
    body = b"".join(part(photo) if callable(part) else bytes(part) for part in parts)  # type: ignore[call-overload]
    answer = user.post(UPLOAD, content=body + b"--limit--\r\n", headers=FORM)
    assert answer.status_code == 201
    assert answer.json()["image"]["type"] == "user"


def test_an_upload_may_come_in_chunks_of_unknown_length(user: Browser) -> None:
    body = _type_part("outfit") + _file_part(pictures.noise(size=(400, 500))) + b"--limit--\r\n"
    answer = user.post(UPLOAD, content=_in_pieces(body, 1000), headers=FORM)
    assert "content-length" not in answer.request.headers
    assert answer.status_code == 201


def test_fields_that_nobody_knows_are_ignored(user: Browser) -> None:
    fields = {"type": "user", "album": "summer", "user_id": "somebody else"}
    answer = user.post(UPLOAD, data=fields, files={"image": ("a.jpg", pictures.noise()), "other": ("b.txt", b"b")})
    assert answer.status_code == 201
    assert answer.json()["image"]["userId"] == user.user_id


def test_the_same_picture_can_be_uploaded_twice(user: Browser) -> None:
    photo = pictures.noise()
    assert user.upload(photo)["id"] != user.upload(photo)["id"]
    assert len(user.images()) == 2


def test_uploading_needs_credentials(browser: Browser) -> None:
    assert_refused(_send(browser, pictures.noise()), 401, "Authentication required")


def test_an_upload_without_a_file_is_refused(user: Browser) -> None:
    no_file = user.post(UPLOAD, data={"type": "user"}, files={"picture": ("a.jpg", pictures.noise())})
    empty = _send(user, b"")
    text = user.post(UPLOAD, files={"image": (None, "not a file"), "type": (None, "user")})
    for answer in (no_file, empty, text):
        assert_refused(answer, 400, "No image file provided")


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b'{"image": "aGk=", "type": "user"}', "application/json"),
        (b"type=user&image=x", "application/x-www-form-urlencoded"),
        (b"", "multipart/form-data; boundary=limit"),
        (b"whatever", "multipart/form-data"),
        (_type_part() + _file_part(b"cut off"), FORM["content-type"]),
    ],
)
def test_an_upload_that_is_no_form_is_refused(user: Browser, content: bytes, kind: str) -> None:
    answer = user.post(UPLOAD, content=content, headers={"content-type": kind})
    assert_refused(answer, 400, "No image file provided")


@pytest.mark.parametrize("kind", ["", "generated", "USER", "person"])
def test_a_type_other_than_user_or_outfit_is_refused(user: Browser, kind: str) -> None:
    assert_refused(_send(user, pictures.noise(), kind), 400, WRONG_TYPE)


def test_a_missing_type_is_refused(user: Browser) -> None:
    assert_refused(user.post(UPLOAD, files={"image": ("a.jpg", pictures.noise())}), 400, WRONG_TYPE)


@pytest.mark.parametrize(
    "data",
    [
        b"hello",
        b"GIF89a" + b"\0" * 100,
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        pictures.noise("BMP"),
        b"\xff\xd8",
    ],
    ids=["text", "gif", "svg", "bmp", "stump"],
)
def test_a_file_of_another_kind_is_refused_whatever_its_name(user: Browser, data: bytes) -> None:
    assert_refused(_send(user, data, name="photo.jpg"), 400, WRONG_FILE)


def test_a_damaged_picture_is_refused(user: Browser) -> None:
    photo = pictures.noise(size=(400, 500))
    assert_refused(_send(user, photo[: len(photo) // 2]), 400, reason="IMAGE_DAMAGED")


def test_five_megabytes_are_taken(user: Browser) -> None:
    assert _send(user, pictures.padded(LIMIT)).status_code == 201


def test_one_byte_more_than_five_megabytes_is_a_413(user: Browser) -> None:
    assert_refused(_send(user, pictures.padded(LIMIT + 1)), 413, TOO_LARGE)


def test_one_byte_more_is_a_413_in_chunks_of_unknown_length_too(user: Browser) -> None:
    body = _file_part(pictures.padded(LIMIT + 1)) + _type_part() + b"--limit--\r\n"
    assert_refused(user.post(UPLOAD, content=_in_pieces(body), headers=FORM), 413, TOO_LARGE)


def test_a_huge_upload_is_a_413_without_being_read_to_its_end(user: Browser) -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        yield _type_part() + _file_part(b"")[:-2]
        while sent < 100 * LIMIT:
            sent += 65536
            yield bytes(65536)

    with httpx.Client(cookies=user.cookies, base_url=user.base_url, timeout=60, verify=NO_TLS) as client:
        answer = client.post(UPLOAD, content=endless(), headers=FORM)
    check_every_answer(answer)
    assert_refused(answer, 413, TOO_LARGE)
    assert sent < 100 * LIMIT


def test_what_was_refused_is_not_in_the_gallery(user: Browser) -> None:
    for data, kind in ((pictures.padded(LIMIT + 1), "user"), (b"text", "user"), (pictures.noise(), "nothing")):
        assert _send(user, data, kind).is_error
    assert user.images() == []
