"""What a finished picture has to be like."""

import io
import pickle
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
from PIL import Image as Pillow

from sandbox import mannequin
from sandbox.drawings import sweater, tshirt, vest
from services.tryon.engines.local.engine import (
    Canceled,
    InputProblem,
    LocalEngine,
    Options,
    Picture,
    ResultNotGoodEnough,
)
from services.tryon.engines.local.pictures import OutputFormat, read_picture, write_picture
from services.tryon.tests.engine.conftest import SHIRT_COLOUR, Dressed, Image, decoded, encoded, resized

T = TypeVar("T")

# Places in the astronaut's photo: left, top, right, bottom.
FACE, SKY, CHEST = (185, 70, 265, 180), (300, 0, 380, 120), (150, 340, 290, 460)


def part(image: Image, box: tuple[int, int, int, int]) -> Image:
    left, top, right, bottom = box
    return image[top:bottom, left:right]


def psnr(one: Image, other: Image) -> float:
    error = float(((one.astype(np.float64) - other) ** 2).mean())
    return 99.0 if error == 0 else 10 * float(np.log10(255**2 / error))


def test_the_face_stays_as_it_was(dressed: Dressed) -> None:
    assert psnr(part(dressed.before, FACE), part(dressed.after, FACE)) > 38


def test_the_background_stays_as_it_was(dressed: Dressed) -> None:
    assert psnr(part(dressed.before, SKY), part(dressed.after, SKY)) > 45


def test_the_chest_takes_the_garments_colour(dressed: Dressed) -> None:
    shown = np.median(part(dressed.after, CHEST).reshape(-1, 3), axis=0)
    assert np.abs(shown - SHIRT_COLOUR).max() < 30
    assert np.abs(np.median(part(dressed.before, CHEST).reshape(-1, 3), axis=0) - SHIRT_COLOUR).max() > 80


def test_a_good_result_scores_well(dressed: Dressed) -> None:
    assert 0.5 <= dressed.picture.score <= 1


def test_progress_names_steps_and_never_goes_back(dressed: Dressed) -> None:
    shares = [share for _, share in dressed.steps]
    assert shares == sorted(shares)
    assert shares[0] == 0
    assert shares[-1] == 1
    assert len({step for step, _ in dressed.steps}) >= 8


def test_the_same_seed_gives_the_same_picture(engine: LocalEngine, person: bytes, dressed: Dressed) -> None:
    again = engine.generate(person, sweater(SHIRT_COLOUR), Options(output_format="png"))
    assert again.data == dressed.picture.data


def test_a_garment_is_understood_once_for_many_people(model_dir: Path, person: bytes, dressed: Dressed) -> None:
    engine = LocalEngine(model_dir)
    photo, garments = read_picture(person, "person"), [read_picture(sweater(SHIRT_COLOUR), "garment") for _ in range(2)]
    first, again = (engine.understand(photo, garment, Options()).worn for garment in garments)
    assert again is first
    assert engine.understand(photo, garments[0], Options(category="tops")).worn is not first
    picture = engine.generate(person, sweater(SHIRT_COLOUR), Options(output_format="png"))
    assert picture.data == dressed.picture.data
    engine.garments_kept = 0
    assert engine.understand(photo, garments[0], Options()).worn is first  # it goes when the next is read
    assert engine.understand(photo, garments[0], Options()).worn is not first


def test_another_seed_changes_only_the_grain(engine: LocalEngine, person: bytes, dressed: Dressed) -> None:
    other = engine.generate(person, sweater(SHIRT_COLOUR), Options(output_format="png", seed=7))
    assert other.data != dressed.picture.data
    assert psnr(decoded(other.data), dressed.after) > 35


@pytest.mark.parametrize("garment", [sweater((150, 40, 60), "stripes"), vest(pattern="dots")])
def test_long_sleeves_and_none_work_too(engine: LocalEngine, garment: bytes) -> None:
    assert engine.generate(encoded(mannequin.person()), garment, Options()).score >= 0.5


@pytest.mark.parametrize("garment", [tshirt(), vest()])
def test_arms_that_would_end_in_stumps_are_refused(engine: LocalEngine, person: bytes, garment: bytes) -> None:
    """Where the pose has the astronaut's hands, none are to be seen."""
    with pytest.raises(ResultNotGoodEnough) as refused:
        engine.generate(person, garment, Options())
    assert "an arm ends without its hand" in refused.value.problems


@pytest.mark.parametrize("output_format", ["jpeg", "png", "webp"])
def test_the_output_format_is_the_one_asked_for(dressed: Dressed, output_format: OutputFormat) -> None:
    data, content_type = write_picture(dressed.after[:, :, ::-1], output_format)
    assert content_type == f"image/{output_format}"
    with Pillow.open(io.BytesIO(data)) as opened:
        assert opened.format == output_format.upper()
    assert psnr(decoded(data), dressed.after) > 35


def test_the_picture_is_no_larger_than_asked_for_and_keeps_its_shape(engine: LocalEngine, astronaut: Image) -> None:
    large = resized(astronaut[:, 40:440], (800, 1024))
    picture = engine.generate(encoded(large, "JPEG"), sweater(), Options(max_side=640))
    assert (picture.width, picture.height) == (500, 640)
    assert picture.content_type == "image/jpeg"
    assert decoded(picture.data).shape == (640, 500, 3)


def test_a_photo_turned_by_exif_is_dressed_upright(engine: LocalEngine, astronaut: Image, dressed: Dressed) -> None:
    lying = np.ascontiguousarray(np.rot90(astronaut))
    exif = Pillow.Exif()
    exif[0x0112] = 6  # "turn it clockwise to see it upright"
    picture = engine.generate(encoded(lying, exif=exif), sweater(SHIRT_COLOUR), Options(output_format="png"))
    assert psnr(decoded(picture.data), dressed.after) > 40


@pytest.mark.parametrize("share", [0.3, 0.8])
def test_a_canceled_picture_takes_no_further_step(engine: LocalEngine, person: bytes, share: float) -> None:
    told: list[float] = []

    def cancel(_step: str, done: float) -> None:
        told.append(done)
        if done >= share:
            raise Canceled

    with pytest.raises(Canceled):
        engine.generate(person, sweater(), Options(), cancel)
    assert told[-1] >= share
    assert all(done < share for done in told[:-1])


def test_missing_models_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="fetch_models"):
        LocalEngine(tmp_path).prepare()


def _through_a_process(thing: T) -> T:
    """What another process gets."""
    copy: T = pickle.loads(pickle.dumps(thing))  # noqa: S301 - our own bytes
    return copy


def test_what_crosses_processes_survives_it() -> None:
    problem = _through_a_process(InputProblem("NO_PERSON_FOUND", "Nobody.", "person", (0, 0, 1, 1)))
    assert (problem.reason, problem.message, problem.which) == ("NO_PERSON_FOUND", "Nobody.", "person")
    assert problem.where == (0, 0, 1, 1)
    poor = _through_a_process(ResultNotGoodEnough(0.2, ["holes"]))
    assert (poor.score, poor.problems) == (0.2, ["holes"])
    assert isinstance(_through_a_process(Canceled("stop")), Canceled)
    assert _through_a_process(Options(category="tops", seed=3)) == Options(category="tops", seed=3)
    assert _through_a_process(Picture(b"x", "image/png", 1, 2, 0.5)) == Picture(b"x", "image/png", 1, 2, 0.5)
