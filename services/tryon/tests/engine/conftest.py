"""The engine with its models, a person anybody may use, and one finished try-on to look at from many sides."""

import io
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image as Pillow
from skimage import data

from sandbox.drawings import sweater, tshirt
from services.tryon.engines.local.engine import LocalEngine, Options, Picture, Scene
from services.tryon.engines.local.garment import Garment
from services.tryon.engines.local.pictures import read_picture
from services.tryon.engines.local.warp import Fitting, fit

Image = npt.NDArray[np.uint8]
_ROOT = Path(__file__).resolve().parents[4]

SHIRT_COLOUR = (24, 120, 70)


def encoded(rgb: Image, picture_format: str = "PNG", **options: object) -> bytes:
    """A picture as a file."""
    buffer = io.BytesIO()
    Pillow.fromarray(rgb).save(buffer, picture_format, **options)
    return buffer.getvalue()


def resized(rgb: Image, size: tuple[int, int]) -> Image:
    """A picture of another size."""
    return np.asarray(Pillow.fromarray(rgb).resize(size, Pillow.Resampling.LANCZOS))


def decoded(file: bytes) -> Image:
    """A file as an RGB picture."""
    return np.asarray(Pillow.open(io.BytesIO(file)).convert("RGB"))


@pytest.fixture(scope="session")
def model_dir() -> Path:
    """Where the models are; they are fetched when they are not there yet."""
    directory = Path(os.environ.get("TRYON_MODELS", _ROOT / ".cache" / "models"))
    subprocess.run([sys.executable, str(_ROOT / "scripts" / "fetch_models.py"), str(directory)], check=True)
    return directory


@pytest.fixture(scope="session")
def engine(model_dir: Path) -> LocalEngine:
    """A prepared engine."""
    ready = LocalEngine(model_dir)
    ready.prepare()
    return ready


@pytest.fixture(scope="session")
def astronaut() -> Image:
    """Eileen Collins, NASA, public domain: a half body in a bulky suit, hips outside the picture."""
    return np.asarray(data.astronaut())


@pytest.fixture(scope="session")
def person(astronaut: Image) -> bytes:
    """The astronaut as a file."""
    return encoded(astronaut)


@dataclass(frozen=True)
class Dressed:
    """A finished try-on without loss by compression."""

    before: Image
    after: Image
    picture: Picture
    steps: list[tuple[str, float]]


@pytest.fixture(scope="session")
def dressed(engine: LocalEngine, astronaut: Image, person: bytes) -> Dressed:
    """The astronaut, whose hands are not to be seen, in a green sweater."""
    steps: list[tuple[str, float]] = []
    picture = engine.generate(
        person, sweater(SHIRT_COLOUR), Options(output_format="png"), lambda step, share: steps.append((step, share))
    )
    return Dressed(astronaut, decoded(picture.data), picture, steps)


@pytest.fixture(scope="session")
def scene(engine: LocalEngine, person: bytes) -> Scene:
    """The astronaut and a striped T-shirt, understood."""
    garment = read_picture(tshirt((180, 60, 40), "stripes"), "garment")
    return engine.understand(read_picture(person, "person"), garment, Options())


@pytest.fixture(scope="session")
def garment(scene: Scene) -> Garment:
    """The T-shirt."""
    assert isinstance(scene.worn, Garment)
    return scene.worn


@pytest.fixture(scope="session")
def fitting(scene: Scene, garment: Garment) -> Fitting:
    """As it should be."""
    return fit(garment, scene.body)
