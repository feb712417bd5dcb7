"""IDM-VTON at Replicate: https://replicate.com/cuuupid/idm-vton. Its licence forbids commercial use.

Their client of Python repeats requests by itself, without knowing of our deadline; it is three requests.
"""

import re
from typing import Any
from urllib.parse import quote

from services.tryon.engines.base import ContentRefused, Options, TryAgain
from services.tryon.engines.http import ProviderHttp, data_uri
from services.tryon.engines.pace import Pace
from services.tryon.engines.pictures import Upload
from services.tryon.engines.queued import QUEUED, Hears, Look, QueuedEngine

VERSION = "0513734a452173b8173e907e3a59d19a36266e55b48528559432bd21c7d7e985"

# The model has no "auto": most garments are worn on the upper body.
_CATEGORIES = {"auto": "upper_body", "tops": "upper_body", "bottoms": "lower_body", "onePieces": "dresses"}
_DESCRIPTIONS = {"upper_body": "a top", "lower_body": "trousers or a skirt", "dresses": "a dress"}
_STEPS = {"fast": 20, "balanced": 30, "quality": 40}
_PERCENT = re.compile(r"(\d{1,3})%\|")
_SHARE_BEFORE = 0.2
"""How much of the picture is done when the model begins to count."""


class Replicate(QueuedEngine):
    """Predictions of IDM-VTON. Replicate itself deletes inputs and outputs after an hour."""

    name = "replicate"
    ratio = 3 / 4

    def __init__(
        self,
        http: ProviderHttp,
        api_token: str,
        pace: Pace | None = None,
        *,
        version: str = VERSION,
        hears: Hears | None = None,
    ) -> None:
        super().__init__(http, pace, hears)
        self._headers = {"Authorization": f"Bearer {api_token}"}
        self._version = version

    async def begin(self, person: Upload, garment: Upload, options: Options) -> str:
        """POST /v1/predictions."""
        category = _CATEGORIES[options.category]
        inputs: dict[str, Any] = {
            "human_img": data_uri(person.data),
            "garm_img": data_uri(garment.data),
            "garment_des": _DESCRIPTIONS[category],
            "category": category,
            "crop": False,
            "steps": _STEPS[options.mode],
        }
        if options.seed:
            inputs["seed"] = options.seed
        body: dict[str, Any] = {"version": self._version, "input": inputs}
        if self.webhook_url:
            body |= {"webhook": self.webhook_url, "webhook_events_filter": ["completed"]}
        answer = await self.http.json("POST", "/v1/predictions", self._headers, body)
        if not answer.ok:
            raise answer.refusal(str(answer.data.get("title", "")))
        run = answer.data.get("id")
        if not isinstance(run, str) or not run:
            raise TryAgain("the prediction has no id")
        return run

    async def look(self, run: str) -> Look:
        """GET /v1/predictions/{id}."""
        answer = await self.http.json("GET", _path(run), self._headers)
        if answer.status == 404:
            return Look(error=TryAgain("the prediction is not known any more"))
        if not answer.ok:
            raise answer.refusal(str(answer.data.get("title", "")))
        match answer.data.get("status"):
            case "starting":
                return QUEUED
            case "processing":
                return _working(str(answer.data.get("logs") or ""))
            case "succeeded":
                return _picture(answer.data.get("output"))
            case "failed":
                return Look(error=_failure(str(answer.data.get("error") or "")))
            case status:
                return Look(error=TryAgain(f"the prediction ended as {status}"))

    async def cancel(self, run: str) -> None:
        """POST /v1/predictions/{id}/cancel."""
        await self.http.json("POST", f"{_path(run)}/cancel", self._headers)


def _path(run: str) -> str:
    return f"/v1/predictions/{quote(run, safe='')}"


def _working(logs: str) -> Look:
    """The model's progress bar is the last percentage in its logs."""
    found = _PERCENT.findall(logs)
    counted = min(100, int(found[-1])) / 100 if found else 0.0
    return Look("generating", _SHARE_BEFORE + (0.95 - _SHARE_BEFORE) * counted)


def _picture(output: Any) -> Look:
    first = output[0] if isinstance(output, list) and output else output
    if isinstance(first, str) and first:
        return Look(picture=first)
    return Look(error=TryAgain("the prediction succeeded without a picture"))


def _failure(message: str) -> Exception:
    if "nsfw" in message.lower() or "sensitive" in message.lower():
        return ContentRefused()
    return TryAgain(f"the prediction failed: {message[:200]}")
