"""The model on our own GPU, with a module of the same shape in its place."""

import asyncio
import threading
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from services.tryon.engines.base import EngineFailed, EngineUnusable
from services.tryon.engines.fashn_vton import FashnVton, open_pipeline
from services.tryon.tests.engines.bench import Told, soon


@dataclass
class FakePipeline:
    """Makes navy pictures of the person's size; notes what it is asked, and how many at once."""

    asked: list[dict[str, Any]] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0
    error: Exception | None = None
    free: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.free.set()

    def __call__(self, *, person_image: Image.Image, **asked: Any) -> Any:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.asked.append(asked)
        self.free.wait(20)
        self.at_once -= 1
        if self.error:
            raise self.error
        return SimpleNamespace(images=[Image.new("RGB", person_image.size, "navy")])


async def test_makes_a_picture_with_the_models_words() -> None:
    pipeline = FakePipeline()
    engine = FashnVton(lambda: pipeline)
    await engine.prepare()
    options: dict[str, Any] = {"category": "onePieces", "garment_photo_type": "flatLay", "mode": "quality", "seed": 9}
    result = await engine.generate(Told().task(output_format="webp", **options), soon())
    assert result.content_type == "image/webp"
    [asked] = pipeline.asked
    del asked["garment_image"]
    assert asked == {
        "category": "one-pieces",
        "garment_photo_type": "flat-lay",
        "num_samples": 1,
        "num_timesteps": 50,
        "guidance_scale": 1.5,
        "seed": 9,
        "segmentation_free": True,
    }
    await engine.close()


async def test_the_weights_are_loaded_once_and_one_picture_made_at_a_time() -> None:
    pipeline = FakePipeline()
    loads: list[int] = []

    def load() -> FakePipeline:
        loads.append(1)
        return pipeline

    engine = FashnVton(load)
    await asyncio.gather(*(engine.generate(Told().task(), soon()) for _ in range(4)))
    assert (len(loads), len(pipeline.asked), pipeline.most_at_once) == (1, 4, 1)
    await engine.close()


@pytest.mark.parametrize("error", [FileNotFoundError("no weights"), ImportError("no module")])
async def test_missing_weights_make_the_engine_unusable(error: Exception) -> None:
    def load() -> FakePipeline:
        raise error

    with pytest.raises(EngineUnusable):
        await FashnVton(load).prepare()


async def test_the_package_is_looked_for_only_when_it_is_needed() -> None:
    engine = FashnVton(open_pipeline("/nowhere", "cpu"))
    with pytest.raises(EngineUnusable, match="fashn_vton"):
        await engine.generate(Told().task(), soon())


async def test_a_gpu_out_of_memory_is_a_failure() -> None:
    engine = FashnVton(lambda: FakePipeline(error=RuntimeError("CUDA out of memory")))
    with pytest.raises(EngineFailed, match="out of memory"):
        await engine.generate(Told().task(), soon())


async def test_a_picture_that_is_late_is_thrown_away() -> None:
    pipeline = FakePipeline()
    pipeline.free.clear()
    engine = FashnVton(lambda: pipeline)
    with pytest.raises(EngineFailed, match="in time"):
        await engine.generate(Told().task(), soon(0.1))
    pipeline.free.set()
    assert await engine.generate(Told().task(), soon())
    await engine.close()
