"""Input that cannot be used is refused, with a reason that can be acted on."""

import numpy as np
import pytest
from PIL import Image as Pillow

from sandbox.drawings import dress, trousers, tshirt
from services.tryon.engines.local.engine import InputProblem, LocalEngine, Options
from services.tryon.tests.engine.conftest import Image, encoded, resized


def _refusal(engine: LocalEngine, person: bytes, garment: bytes, options: Options | None = None) -> InputProblem:
    with pytest.raises(InputProblem) as caught:
        engine.generate(person, garment, options or Options())
    assert caught.value.message.endswith(".")
    return caught.value


def _plain() -> Image:
    return np.full((600, 500, 3), 180, np.uint8)


def _noise() -> Image:
    return np.random.default_rng(1).integers(0, 255, (600, 500, 3), np.uint8)


def _small(astronaut: Image) -> Image:
    scene = np.full((1000, 1000, 3), 200, np.uint8)
    scene[400:512, 400:512] = resized(astronaut, (112, 112))
    return scene


def test_a_photo_without_a_person(engine: LocalEngine) -> None:
    assert _refusal(engine, encoded(_plain()), tshirt()).reason == "NO_PERSON_FOUND"


def test_a_garment_in_place_of_the_person(engine: LocalEngine) -> None:
    assert _refusal(engine, tshirt(), tshirt()).reason == "NO_PERSON_FOUND"


def test_several_people(engine: LocalEngine, astronaut: Image) -> None:
    both = np.concatenate([astronaut, astronaut[:, ::-1]], axis=1)
    problem = _refusal(engine, encoded(both), tshirt())
    assert problem.reason == "SEVERAL_PEOPLE"
    assert problem.where is not None


def test_an_upside_down_photo(engine: LocalEngine, astronaut: Image) -> None:
    reasons = {problem.reason for problem in engine.check(encoded(astronaut[::-1, ::-1]), None)}
    assert reasons & {"UPSIDE_DOWN", "NO_PERSON_FOUND"}


def test_a_face_alone(engine: LocalEngine, astronaut: Image) -> None:
    face = np.ascontiguousarray(astronaut[10:200, 110:320])
    problem = _refusal(engine, encoded(resized(face, (630, 570))), tshirt())
    assert problem.reason in ("BODY_CROPPED", "NO_PERSON_FOUND")


def test_a_person_far_away(engine: LocalEngine, astronaut: Image) -> None:
    assert _refusal(engine, encoded(_small(astronaut)), tshirt()).reason in ("PERSON_TOO_SMALL", "NO_PERSON_FOUND")


@pytest.mark.parametrize("file", [b"", b"not a picture", tshirt()[:3000]])
def test_an_unreadable_file(engine: LocalEngine, person: bytes, file: bytes) -> None:
    assert _refusal(engine, person, file).reason == "IMAGE_UNREADABLE"
    assert _refusal(engine, file, tshirt()).which == "person"


def test_a_picture_of_absurd_size_is_refused_before_it_is_decoded(engine: LocalEngine, person: bytes) -> None:
    wide = np.asarray(Pillow.new("1", (9000, 5000)))
    assert _refusal(engine, person, encoded(wide)).reason == "IMAGE_TOO_LARGE"


def test_a_tiny_picture(engine: LocalEngine, astronaut: Image) -> None:
    assert _refusal(engine, encoded(resized(astronaut, (100, 100))), tshirt()).reason == "IMAGE_TOO_SMALL"


def test_an_empty_garment_picture(engine: LocalEngine, person: bytes) -> None:
    assert _refusal(engine, person, encoded(_plain())).reason == "GARMENT_NOT_FOUND"


def test_a_busy_background(engine: LocalEngine, person: bytes) -> None:
    assert _refusal(engine, person, encoded(_noise())).reason == "GARMENT_BACKGROUND_BUSY"


@pytest.mark.parametrize("garment", [trousers(), dress()])
def test_what_covers_legs_that_the_photo_does_not_show(engine: LocalEngine, person: bytes, garment: bytes) -> None:
    problem = _refusal(engine, person, garment)
    assert (problem.reason, problem.which) == ("LOWER_BODY_CROPPED", "person")


def test_check_finds_nothing_wrong_with_good_pictures(engine: LocalEngine, person: bytes) -> None:
    assert engine.check(person, tshirt()) == []


def test_check_reports_on_both_pictures(engine: LocalEngine) -> None:
    found = engine.check(encoded(_plain()), encoded(_noise()))
    assert [(problem.which, problem.reason) for problem in found] == [
        ("person", "NO_PERSON_FOUND"),
        ("garment", "GARMENT_BACKGROUND_BUSY"),
    ]
