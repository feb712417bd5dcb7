"""Pictures on their way out and back."""

import io

import pytest
from PIL import Image, ImageCms

from services.tryon.engines.base import EngineFailed, InputProblem
from services.tryon.engines.pictures import result_of, upload_of
from services.tryon.tests.engines.bench import picture


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


@pytest.mark.parametrize("size", [(360, 640), (640, 360), (512, 512), (300, 400), (257, 1000)])
def test_a_photo_that_was_padded_for_a_provider_comes_back_without_the_padding(size: tuple[int, int]) -> None:
    sent = upload_of(picture(size, "tan"), "person", 3 / 4)
    assert sent.size[0] / sent.size[1] == pytest.approx(3 / 4, abs=0.005)
    back = opened(result_of(picture((768, 1024), "tan"), "png", sent).data)
    assert back.width / back.height == pytest.approx(size[0] / size[1], rel=0.01)


def test_padding_is_white_and_beside_the_photo() -> None:
    sent = opened(upload_of(picture((300, 800), "black"), "person", 3 / 4).data)
    assert sent.getpixel((5, 400)) == pytest.approx((255, 255, 255), abs=3)
    assert sent.getpixel((sent.width // 2, 400)) == pytest.approx((0, 0, 0), abs=3)


def test_large_photos_are_made_smaller() -> None:
    assert upload_of(picture((4000, 3000), "tan"), "person").size == (2000, 1500)


def test_what_is_transparent_becomes_white() -> None:
    buffer = io.BytesIO()
    Image.new("RGBA", (300, 300), (0, 0, 0, 0)).save(buffer, "PNG")
    assert opened(upload_of(buffer.getvalue(), "garment").data).getpixel((9, 9)) == pytest.approx((255,) * 3, abs=3)


def test_a_picture_of_too_many_pixels_is_not_decoded() -> None:
    buffer = io.BytesIO()
    Image.new("1", (7000, 7000)).save(buffer, "PNG")
    with pytest.raises(InputProblem) as problem:
        upload_of(buffer.getvalue(), "person")
    assert problem.value.reason == "IMAGE_UNREADABLE"
    with pytest.raises(EngineFailed):
        result_of(buffer.getvalue(), "jpeg", upload_of(picture((300, 300), "tan"), "person"))


def test_a_result_of_the_right_kind_is_passed_on_as_it_is() -> None:
    person = upload_of(picture((300, 400), "tan"), "person")
    made = picture((600, 800), "navy")
    assert result_of(made, "jpeg", person).data == made


def test_a_rounded_size_is_put_right_and_another_shape_is_refused() -> None:
    person = upload_of(picture((300, 400), "tan"), "person")
    assert opened(result_of(picture((590, 800), "navy"), "jpeg", person).data).size == (600, 800)
    with pytest.raises(EngineFailed, match="another shape"):
        result_of(picture((800, 800), "navy"), "jpeg", person)


def test_a_truncated_result_is_refused() -> None:
    person = upload_of(picture((300, 400), "tan"), "person")
    with pytest.raises(EngineFailed, match="not a picture"):
        result_of(picture((300, 400), "navy", "PNG")[:-40], "jpeg", person)


def test_an_unusable_colour_profile_keeps_no_photo_from_being_used() -> None:
    assert upload_of(picture((300, 300), "tan", icc_profile=b"not a profile"), "person").size == (300, 300)


def test_colours_of_another_profile_become_the_usual_ones() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    assert upload_of(picture((300, 300), "tan", icc_profile=profile.tobytes()), "person").size == (300, 300)
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    sent = opened(upload_of(picture((300, 300), "tan", icc_profile=srgb.tobytes()), "person").data)
    assert "icc_profile" not in sent.info
    assert sent.getpixel((9, 9)) == pytest.approx((210, 180, 140), abs=4)
