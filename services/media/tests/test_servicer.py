"""What browsers ask of the service, over a real channel."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from drape.media.v1 import image_store_pb2 as store
from drape.media.v1 import media_pb2 as pb
from google.api.httpbody_pb2 import HttpBody
from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Struct
from grpc import StatusCode

from services.kit.database import Database
from services.kit.http import STATUS_KEY
from services.kit.ids import new_id
from services.kit.tests.waiting import eventually
from services.kit.tests.wire import Refusal, refusal
from services.media.tests.bodies import CONTENT_TYPE, body, file_part, text_part
from services.media.tests.samples import decoded, plain
from services.media.tests.served import OTHER, PHOTO, Media, headers_of, serving


async def test_an_upload_answers_201_and_the_image(media: Media, user: str) -> None:
    call = media.sending(user, body(text_part("type", "outfit"), file_part(PHOTO)), chunk=1000)
    answer = await call
    assert headers_of(await call.initial_metadata())[STATUS_KEY] == "201"
    assert answer.message == "Image uploaded successfully"
    shown = MessageToDict(answer.image, always_print_fields_with_no_presence=True)
    assert {name: shown[name] for name in ("userId", "type", "width", "height", "contentType", "metadata")} == {
        "userId": user,
        "type": "outfit",
        "width": 600,
        "height": 400,
        "contentType": "image/jpeg",
        "metadata": {},
    }
    assert shown["url"].startswith(f"https://drape.example/media/{answer.image.id}?")
    assert "cloudinaryId" not in shown
    assert shown["createdAt"].endswith("Z")


@pytest.mark.parametrize(
    ("form", "reason", "message"),
    [
        (body(text_part("type", "user")), "NO_IMAGE_FILE", "No image file provided"),
        (body(file_part(b""), text_part("type", "user")), "NO_IMAGE_FILE", "No image file provided"),
        (body(file_part(PHOTO)), "INVALID_IMAGE_TYPE", "Invalid image type. Must be: user or outfit"),
        (
            body(file_part(PHOTO), text_part("type", "generated")),
            "INVALID_IMAGE_TYPE",
            "Invalid image type. Must be: user or outfit",
        ),
        (
            body(file_part(b"<svg/>"), text_part("type", "user")),
            "INVALID_FILE_TYPE",
            "Invalid file type. Allowed: jpg, jpeg, png, webp",
        ),
    ],
)
async def test_a_refused_upload_says_why(media: Media, user: str, form: bytes, reason: str, message: str) -> None:
    refused = await refusal(media.sending(user, form))
    assert (refused.code, refused.reason, refused.message) == (StatusCode.INVALID_ARGUMENT, reason, message)


@pytest.mark.parametrize("content_type", ["application/json", "", "multipart/form-data"])
async def test_an_upload_that_is_no_form_has_no_image(media: Media, user: str, content_type: str) -> None:
    refused = await refusal(media.sending(user, body(file_part(PHOTO)), content_type=content_type))
    assert (refused.code, refused.message) == (StatusCode.INVALID_ARGUMENT, "No image file provided")


async def test_an_upload_of_nothing_has_no_image(media: Media, user: str) -> None:
    assert (await refusal(media.sending(user, b""))).reason == "NO_IMAGE_FILE"


async def test_a_file_of_more_than_five_megabytes_is_413_before_it_has_come_to_its_end(media: Media, user: str) -> None:
    answered = asyncio.Event()
    form = body(text_part("type", "user"), file_part(bytes(5 * 1024 * 1024 + 1)))

    async def never_ending() -> AsyncIterator[HttpBody]:
        for start in range(0, len(form), 64 * 1024):
            yield HttpBody(content_type=CONTENT_TYPE, data=form[start : start + 64 * 1024])
        await answered.wait()

    refused = await refusal(media.api.UploadImage(never_ending(), metadata=media.as_user(user)))
    answered.set()
    assert refused == Refusal(
        StatusCode.OUT_OF_RANGE, "FILE_TOO_LARGE", "File size exceeds 5MB limit", http_status="413"
    )


async def test_uploading_needs_somebody_signed_in(media: Media) -> None:
    refused = await refusal(media.api.UploadImage(iter([HttpBody(content_type=CONTENT_TYPE, data=b"")])))
    assert (refused.code, refused.message) == (StatusCode.UNAUTHENTICATED, "Authentication required")


async def test_images_are_listed_in_pages(media: Media, user: str) -> None:
    ids = [(await media.upload(user)).id for _ in range(3)]
    me = media.as_user(user)
    everything = await media.api.ListImages(pb.ListImagesRequest(), metadata=me)
    assert [image.id for image in everything.images] == ids[::-1]
    assert everything.next_page_token == ""
    first = await media.api.ListImages(pb.ListImagesRequest(page_size=2), metadata=me)
    rest = await media.api.ListImages(
        pb.ListImagesRequest(page_size=2, page_token=first.next_page_token, type="user"), metadata=me
    )
    assert [image.id for image in [*first.images, *rest.images]] == ids[::-1]
    assert (await media.api.ListImages(pb.ListImagesRequest(type="outfit"), metadata=me)).images == []


@pytest.mark.parametrize("size", [0, -1, 1001])
async def test_a_page_size_out_of_range_is_refused(media: Media, user: str, size: int) -> None:
    refused = await refusal(media.api.ListImages(pb.ListImagesRequest(page_size=size), metadata=media.as_user(user)))
    assert (refused.code, refused.message) == (
        StatusCode.INVALID_ARGUMENT,
        "pageSize must be between 1 and 1000",
    )


async def test_a_page_token_that_is_not_ours_is_refused(media: Media, user: str) -> None:
    request = pb.ListImagesRequest(page_token="x")
    assert (await refusal(media.api.ListImages(request, metadata=media.as_user(user)))).reason == "INVALID_PAGE_TOKEN"


async def test_a_deleted_image_is_gone(media: Media, user: str) -> None:
    image = await media.upload(user)
    answer = await media.api.DeleteImage(pb.DeleteImageRequest(id=image.id), metadata=media.as_user(user))
    assert answer.message == "Image deleted successfully"
    refused = await refusal(media.api.DeleteImage(pb.DeleteImageRequest(id=image.id), metadata=media.as_user(user)))
    assert refused == Refusal(StatusCode.NOT_FOUND, "IMAGE_NOT_FOUND", "Image not found")


async def test_the_bytes_of_a_deleted_image_are_swept_from_the_disk(media: Media, user: str) -> None:
    async def files() -> set[Path]:
        return {path for path in media.folder.rglob("*") if path.is_file()}

    before = await files()
    image = await media.upload(user)
    (added,) = await files() - before

    async def swept() -> bool:
        return added not in await files()

    await media.api.DeleteImage(pb.DeleteImageRequest(id=image.id), metadata=media.as_user(user))
    await eventually(swept, "the file to go")


async def test_saving_answers_201_once_and_the_same_image_again(media: Media, user: str) -> None:
    source = await media.upload(user)
    metadata = Struct()
    metadata.update({"note": "nice", "seed": 7})
    request = pb.SaveImageRequest(url=source.url, metadata=metadata, cloudinary_id="ignored")
    call = media.api.SaveImage(request, metadata=media.as_user(user))
    answer = await call
    assert headers_of(await call.initial_metadata())[STATUS_KEY] == "201"
    assert (answer.message, answer.image.type) == ("Image saved successfully", "generated")
    assert MessageToDict(answer.image.metadata) == {"note": "nice", "seed": 7.0}
    again = await media.api.SaveImage(request, metadata=media.as_user(user))
    assert again.image.id == answer.image.id


async def test_saving_needs_a_url_of_ones_own(media: Media, user: str, stranger: str) -> None:
    foreign = await media.upload(stranger)
    for url, reason, message in (
        ("", "VALIDATION_FAILED", "Image URL is required"),
        (foreign.url, "NOT_YOUR_IMAGE", "The URL is not that of one of your images"),
        ("http://169.254.169.254/latest/meta-data", "NOT_YOUR_IMAGE", "The URL is not that of one of your images"),
    ):
        refused = await refusal(media.api.SaveImage(pb.SaveImageRequest(url=url), metadata=media.as_user(user)))
        assert refused == Refusal(StatusCode.INVALID_ARGUMENT, reason, message)


@pytest.mark.parametrize("number", [float("inf"), float("-inf"), float("nan")])
async def test_numbers_that_json_does_not_have_are_refused(media: Media, user: str, number: float) -> None:
    image = await media.upload(user)
    metadata = Struct()
    metadata["of"] = [{"size": number}]
    saving = media.api.SaveImage(pb.SaveImageRequest(url=image.url, metadata=metadata), metadata=media.as_user(user))
    generated = store.StoreGeneratedImageRequest(key=new_id(), data=OTHER, metadata=metadata)
    storing = media.store.StoreGeneratedImage(generated, metadata=media.as_service("tryon", user))
    for call in (saving, storing):
        refused = await refusal(call)
        assert (refused.code, refused.reason) == (StatusCode.INVALID_ARGUMENT, "INVALID_METADATA")


async def test_an_upload_that_is_cut_off_leaves_nothing(media: Media, user: str) -> None:
    async def files() -> set[Path]:
        return {path for path in media.folder.rglob("*") if path.is_file()}

    before, cut = await files(), asyncio.Event()
    form = body(text_part("type", "user"), file_part(PHOTO))

    async def half() -> AsyncIterator[HttpBody]:
        yield HttpBody(content_type=CONTENT_TYPE, data=form[: len(form) // 2])
        cut.set()
        await asyncio.sleep(600)

    call = media.api.UploadImage(half(), metadata=media.as_user(user))
    await cut.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert (await media.api.ListImages(pb.ListImagesRequest(), metadata=media.as_user(user))).images == []
    assert await files() == before


async def test_a_full_gallery_is_a_413(database: Database, tmp_path: Path, user: str) -> None:
    async with serving(database.url, tmp_path, quota_images=1) as small:
        await small.upload(user)
        refused = await refusal(small.upload(user, OTHER))
    assert (refused.code, refused.reason, refused.http_status) == (
        StatusCode.RESOURCE_EXHAUSTED,
        "QUOTA_EXCEEDED",
        "413",
    )


async def test_copies_and_parts_are_served(media: Media, user: str) -> None:
    image = await media.upload(user)
    headers, content_type, data = await media.download(image.url, w="320", accept="image/avif")
    assert (content_type, decoded(data).size, headers["vary"]) == ("image/avif", (320, 213), "accept")
    headers, _, part = await media.download(image.url, range="bytes=5-9")
    assert (headers[STATUS_KEY], headers["content-range"], len(part)) == ("206", f"bytes 5-9/{image.size}", 5)
    refused = await refusal(media.download(image.url, range=f"bytes={image.size}-"))
    assert (refused.http_status, refused.reason) == ("416", "RANGE_NOT_SATISFIABLE")
    for width in ("1", "0320", "x"):
        assert (await refusal(media.download(image.url, w=width))).message == "w must be 320, 640 or 1280"


async def test_a_download_needs_the_url_and_nothing_else(media: Media, user: str) -> None:
    image = await media.upload(user)
    headers, content_type, data = await media.download(image.url)
    assert (content_type, len(data)) == ("image/jpeg", image.size)
    assert decoded(data).size == (600, 400)
    assert headers["cache-control"] == "private, max-age=31536000, immutable"
    assert headers["etag"].startswith('"')
    assert headers["etag"].endswith('"')
    assert STATUS_KEY not in headers


async def test_a_large_download_comes_in_pieces_and_whole(media: Media, user: str) -> None:
    noise = plain(kind="PNG", size=(64, 64)) + bytes(300_000)
    key = new_id()
    request = store.StoreGeneratedImageRequest(key=key, data=noise)
    image = (await media.store.StoreGeneratedImage(request, metadata=media.as_service("tryon", user))).image
    _, content_type, data = await media.download(image.url)
    assert (content_type, data) == ("image/png", noise)


async def test_what_the_browser_has_already_is_not_sent_again(media: Media, user: str) -> None:
    image = await media.upload(user)
    etag = (await media.download(image.url))[0]["etag"]
    headers, _, data = await media.download(image.url, if_none_match=etag)
    assert (headers[STATUS_KEY], headers["etag"], data) == ("304", etag, b"")
    headers, _, data = await media.download(image.url, if_none_match='"other"')
    assert (headers.get(STATUS_KEY), len(data)) == (None, image.size)


async def test_a_url_that_was_tampered_with_is_404(media: Media, user: str) -> None:
    image, other = await media.upload(user), await media.upload(user, OTHER)
    split = urlsplit(image.url)
    for url in (
        image.url.replace(image.id, other.id),
        image.url.replace("exp=", "exp=9"),
        image.url[:-1] + ("A" if image.url[-1] != "A" else "B"),
        f"{split.scheme}://{split.netloc}{split.path}?exp=9999999999&sig=x",
    ):
        refused = await refusal(media.download(url))
        assert refused == Refusal(StatusCode.NOT_FOUND, "IMAGE_NOT_FOUND", "Image not found")
