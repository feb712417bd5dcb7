"""FASHN's own API: https://docs.fashn.ai."""

from typing import Any
from urllib.parse import quote

from services.tryon.engines.base import (
    ContentRefused,
    EngineFailed,
    EngineUnusable,
    InputProblem,
    Options,
    TryAgain,
)
from services.tryon.engines.http import Answer, ProviderHttp, data_uri
from services.tryon.engines.pace import Pace, RateLimit
from services.tryon.engines.pictures import Upload
from services.tryon.engines.queued import QUEUED, WORKING, Look, QueuedEngine

MODEL = "tryon-v1.6"

# Their published limits: 50 runs a minute, 50 looks in 10 seconds.
_RUNS, _LOOKS = (50, 60.0), (50, 10.0)
_MODES = {"fast": "performance", "balanced": "balanced", "quality": "quality"}
_CATEGORIES = {"onePieces": "one-pieces"}
_PHOTO_TYPES = {"flatLay": "flat-lay"}
_NO_CREDITS = "OutOfCredits"


class Fashn(QueuedEngine):
    """Virtual Try-On v1.6 at FASHN. There is no way to cancel a run there, or to delete one."""

    name = "fashn"
    cancels = False

    def __init__(
        self,
        http: ProviderHttp,
        api_key: str,
        pace: Pace | None = None,
        *,
        return_base64: bool = True,
        moderation: str = "permissive",
        runs: RateLimit | None = None,
        looks: RateLimit | None = None,
    ) -> None:
        """With `return_base64` a result is kept in their memory for an hour; else on their CDN for 72 hours."""
        super().__init__(http, pace)
        self._headers = {"Authorization": f"Bearer {api_key}"}
        self._return_base64 = return_base64
        self._moderation = moderation
        self._runs = runs or RateLimit(*_RUNS)
        self._looks = looks or RateLimit(*_LOOKS)

    async def begin(self, person: Upload, garment: Upload, options: Options) -> str:
        """POST /v1/run."""
        await self._runs.take()
        inputs = model_inputs(person, garment, options, self._moderation)
        body = {"model_name": MODEL, "inputs": inputs | {"return_base64": self._return_base64}}
        answer = await self.http.json("POST", "/v1/run", self._headers, body)
        if not answer.ok:
            raise _refusal(answer)
        if error := answer.data.get("error"):
            raise _failure(error)
        run = answer.data.get("id")
        if not isinstance(run, str) or not run:
            raise TryAgain("the run has no id")
        return run

    async def look(self, run: str) -> Look:
        """GET /v1/status/{id}."""
        await self._looks.take()
        answer = await self.http.json("GET", f"/v1/status/{quote(run, safe='')}", self._headers)
        if answer.status == 404:
            return Look(error=TryAgain("the run is not known any more"))
        if not answer.ok:
            raise _refusal(answer)
        match answer.data.get("status"):
            case "starting" | "in_queue":
                return QUEUED
            case "processing":
                return WORKING
            case "completed":
                return _picture(answer.data.get("output"))
            case "canceled" | "time_out" as status:
                return Look(error=TryAgain(f"the run ended as {status}"))
            case _:
                return Look(error=_failure(answer.data.get("error")))

    async def cancel(self, run: str) -> None:
        """Nothing: the run ends by itself, and its result is forgotten there."""


def model_inputs(person: Upload, garment: Upload, options: Options, moderation: str) -> dict[str, Any]:
    """The contract's options in the words of FASHN's model, which fal serves too."""
    inputs: dict[str, Any] = {
        "model_image": data_uri(person.data),
        "garment_image": data_uri(garment.data),
        "category": _CATEGORIES.get(options.category, options.category),
        "garment_photo_type": _PHOTO_TYPES.get(options.garment_photo_type, options.garment_photo_type),
        "mode": _MODES[options.mode],
        "moderation_level": moderation,
        "num_samples": 1,
        "segmentation_free": True,
        # WebP is made here, from what has lost nothing yet.
        "output_format": "jpeg" if options.output_format == "jpeg" else "png",
    }
    if options.seed:
        inputs["seed"] = options.seed
    return inputs


def no_pose() -> InputProblem:
    """The model sees no body."""
    return InputProblem(
        "NO_PERSON_FOUND",
        "No person could be recognised. Please use a photo that shows you from the front, at least to the waist.",
        "person",
    )


def unreadable() -> InputProblem:
    """The model cannot use one of the pictures, and does not say which."""
    return InputProblem("IMAGE_UNREADABLE", "One of the pictures could not be used. Please choose another.", "person")


def _picture(output: Any) -> Look:
    if isinstance(output, list) and output and isinstance(output[0], str):
        return Look(picture=output[0])
    return Look(error=TryAgain("the run was completed without a picture"))


def _refusal(answer: Answer) -> EngineFailed:
    """An error of the API itself; some that are for ever come with 429."""
    name = str(answer.data.get("error", ""))
    if name == _NO_CREDITS:
        return EngineUnusable(f"HTTP {answer.status} {name}")
    return answer.refusal(name)


def _failure(error: Any) -> Exception:
    """An error of the run."""
    known = error if isinstance(error, dict) else {}
    name = str(known.get("name") or "unnamed")
    match name:
        case "ContentModerationError":
            return ContentRefused()
        case "PoseError":
            return no_pose()
        case "ImageLoadError":
            return unreadable()
        case "InputValidationError":
            # What we ask for is ours, not the person's: nothing they change would help.
            return EngineFailed(f"the run was refused: {name} {str(known.get('message'))[:200]}")
        case "OutOfCredits":
            return EngineUnusable(name)
        case _:
            return TryAgain(f"the run failed: {name}")
