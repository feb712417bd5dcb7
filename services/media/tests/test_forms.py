"""Reading multipart/form-data while it streams in."""

import itertools
from dataclasses import dataclass, field

import pytest

from services.media.errors import FileTooLarge, NoImageFile
from services.media.forms import read_form
from services.media.tests.bodies import CONTENT_TYPE, Counted, body, chunks, file_part, text_part

LIMIT = 1024 * 1024
PHOTO = bytes(range(256)) * 4 + b"\r\n--not-the-boundary\r\n"


@dataclass
class Read:
    """A form that was read, with the bytes of its file."""

    file: bytes = b""
    fields: dict[str, str] = field(default_factory=dict)


async def read(data: bytes, content_type: str = CONTENT_TYPE, chunk: int = 1 << 20) -> Read:
    """The form of a body that comes in chunks."""
    async with read_form(chunks(data, chunk, content_type), LIMIT) as form:
        form.file.seek(0)
        found = Read(form.file.read(), form.fields)
        assert len(found.file) == form.size
    assert form.file.closed
    return found


async def file_of(data: bytes, content_type: str = CONTENT_TYPE, chunk: int = 1 << 20) -> bytes:
    """The file of a body that has one."""
    return (await read(data, content_type, chunk)).file


@pytest.mark.parametrize(
    "order",
    list(itertools.permutations([file_part(PHOTO), text_part("type", "user"), text_part("note", "hello")])),
)
async def test_fields_come_in_any_order(order: tuple[bytes, ...]) -> None:
    form = await read(body(*order))
    assert form == Read(PHOTO, {"type": "user", "note": "hello"})


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64])
async def test_chunks_may_end_anywhere(size: int) -> None:
    form = await read(body(file_part(PHOTO), text_part("type", "outfit")), chunk=size)
    assert form == Read(PHOTO, {"type": "outfit"})


async def test_a_quoted_boundary_and_other_parameters_are_understood() -> None:
    content_type = 'Multipart/Form-Data; charset=utf-8; boundary="a b"'
    assert await file_of(body(file_part(PHOTO), boundary="a b"), content_type) == PHOTO


async def test_header_names_are_read_without_case() -> None:
    part = file_part(PHOTO).replace(b"Content-Disposition", b"CONTENT-DISPOSITION")
    assert await file_of(body(part)) == PHOTO


async def test_a_file_name_does_not_matter() -> None:
    for name in ("", "../../etc/passwd", "фото.jpg", "C:\\photo.jpg"):
        assert await file_of(body(file_part(PHOTO, filename=name))) == PHOTO


async def test_a_file_under_another_name_is_no_image() -> None:
    form = await read(body(file_part(PHOTO, name="document"), text_part("type", "user")))
    assert form.file == b""


async def test_a_text_field_called_image_is_no_file() -> None:
    assert (await read(body(text_part("image", "data:image/png;base64,")))).file == b""


async def test_an_empty_file_is_an_empty_file() -> None:
    assert await file_of(body(file_part(b""))) == b""


async def test_a_form_without_fields_is_empty() -> None:
    assert await read(body()) == Read()


async def test_of_a_long_text_field_no_more_than_needed_is_kept() -> None:
    form = await read(body(text_part("type", "x" * 60_000)), chunk=1000)
    assert 1024 <= len(form.fields["type"]) < 3000


async def test_text_that_is_not_utf8_is_read_as_far_as_it_goes() -> None:
    part = text_part("type", "user").replace(b"user", b"us\xff\xfer")
    assert (await read(body(part))).fields == {"type": "us��r"}


async def test_two_images_are_refused() -> None:
    with pytest.raises(NoImageFile, match="one image at a time"):
        await read(body(file_part(PHOTO), file_part(PHOTO)))


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "application/json",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/mixed; boundary=x",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=" + "b" * 1000,
        "multipart/form-data; boundary=—",
        "—",
    ],
)
async def test_what_is_no_form_is_no_image(content_type: str) -> None:
    with pytest.raises(NoImageFile, match="No image file provided"):
        await read(body(file_part(PHOTO)), content_type)


async def test_a_body_with_another_boundary_is_no_image() -> None:
    with pytest.raises(NoImageFile):
        await read(body(file_part(PHOTO), boundary="other"))


async def test_a_body_cut_anywhere_is_no_image() -> None:
    whole = body(text_part("type", "user"), file_part(b"abc"))
    end = len(whole) - len(b"--\r\n")
    for length in range(1, end):
        with pytest.raises(NoImageFile):
            await read(whole[:length])


async def test_no_body_at_all_is_no_image() -> None:
    with pytest.raises(NoImageFile):
        await read(b"")


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Disposition\r\n\r\n",
        b"\x00: \x00\r\n\r\n",
        b"X: " + b"y" * 70_000 + b"\r\n\r\n",
        b"X: y\r\n" * 5000 + b"\r\n",
    ],
)
async def test_headers_that_make_no_sense_are_no_image(head: bytes) -> None:
    with pytest.raises((NoImageFile, FileTooLarge)):
        await read(body(head + PHOTO))


async def test_a_part_without_a_disposition_is_passed_over() -> None:
    assert await file_of(body(b"Content-Type: text/plain\r\n\r\nhello", file_part(PHOTO))) == PHOTO


async def test_a_file_of_exactly_the_limit_is_taken() -> None:
    assert len(await file_of(body(file_part(bytes(LIMIT)), text_part("type", "user")))) == LIMIT


async def test_a_file_of_one_byte_more_is_refused() -> None:
    with pytest.raises(FileTooLarge, match="File size exceeds 1MB limit"):
        await read(body(file_part(bytes(LIMIT + 1))))


async def test_too_much_is_found_while_reading_and_nothing_more_is_read() -> None:
    whole = body(file_part(bytes(10 * LIMIT)))
    size = LIMIT // 4
    stream = Counted([whole[start : start + size] for start in range(0, len(whole), size)])
    with pytest.raises(FileTooLarge):
        async with read_form(stream, LIMIT):
            pass
    assert stream.taken == 5


async def test_too_much_of_anything_else_is_refused_too() -> None:
    stream = Counted([body(text_part("note", "x" * (2 * LIMIT)))] * 3)
    with pytest.raises(FileTooLarge):
        async with read_form(stream, LIMIT):
            pass
    assert stream.taken == 1
