"""FASHN VTON 1.5 on a GPU of our own. Apache-2.0; the package and its weights are not among our dependencies."""

import asyncio
import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from typing import Any, TypeVar

from PIL import Image

from services.tryon.engines.base import EngineFailed, EngineUnusable, Options, Result, Task
from services.tryon.engines.pictures import Upload, encoded, upload_of

T = TypeVar("T")

Pipeline = Callable[..., Any]
"""`TryOnPipeline`: takes the two pictures and the options, returns something with `images`."""

# The model has no "auto".
_CATEGORIES = {"auto": "tops", "onePieces": "one-pieces"}
_PHOTO_TYPES = {"auto": "model", "flatLay": "flat-lay"}
_STEPS = {"fast": 20, "balanced": 30, "quality": 50}


def open_pipeline(weights_dir: str, device: str) -> Callable[[], Pipeline]:
    """Opens the pipeline of the installed package, when it is first needed: it takes a while and most of a GPU."""

    def load() -> Pipeline:
        pipeline: Pipeline = import_module("fashn_vton").TryOnPipeline(weights_dir, device)
        return pipeline

    return load


class FashnVton:
    """One picture at a time: the model seeds the whole process."""

    name = "fashn_vton"

    def __init__(self, load: Callable[[], Pipeline]) -> None:
        self._load = load
        self._pipeline: Pipeline | None = None
        self._thread = ThreadPoolExecutor(1, "fashn-vton")

    async def prepare(self) -> None:
        """Loads the weights. Raises EngineUnusable, EngineFailed."""
        await self._in_thread(self._loaded)

    async def generate(self, task: Task, deadline: float) -> Result:
        """Makes a picture before the deadline; one that is late is thrown away. Raises InputProblem, EngineFailed."""
        try:
            async with asyncio.timeout_at(deadline):
                person, garment = await asyncio.gather(
                    asyncio.to_thread(upload_of, task.person, "person"),
                    asyncio.to_thread(upload_of, task.garment, "garment"),
                )
                await task.progress("generating", 0.2)
                return await self._in_thread(self._make, person, garment, task.options)
        except TimeoutError as error:
            raise EngineFailed("fashn_vton made no picture in time") from error

    async def close(self) -> None:
        """Drops what waits; what the GPU is at cannot be interrupted."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _in_thread(self, call: Callable[..., T], *arguments: Any) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, call, *arguments)
        except (FileNotFoundError, ImportError) as error:
            raise EngineUnusable(f"the model or its weights are missing: {error}") from error
        except (ArithmeticError, LookupError, ValueError, RuntimeError, OSError) as error:
            raise EngineFailed(f"the model failed: {error!r}") from error

    def _loaded(self) -> Pipeline:
        if self._pipeline is None:
            self._pipeline = self._load()
        return self._pipeline

    def _make(self, person: Upload, garment: Upload, options: Options) -> Result:
        made = self._loaded()(
            person_image=_opened(person),
            garment_image=_opened(garment),
            category=_CATEGORIES.get(options.category, options.category),
            garment_photo_type=_PHOTO_TYPES.get(options.garment_photo_type, options.garment_photo_type),
            num_samples=1,
            num_timesteps=_STEPS[options.mode],
            guidance_scale=1.5,
            seed=options.seed or 42,
            segmentation_free=True,
        )
        return encoded(made.images[0], options.output_format)


def _opened(upload: Upload) -> Image.Image:
    return Image.open(io.BytesIO(upload.data))
