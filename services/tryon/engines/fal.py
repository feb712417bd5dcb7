"""FASHN's model at fal: https://fal.ai/models/fal-ai/fashn/tryon/v1.6.

Their client of Python knows no address but https://queue.fal.run, so that nothing could be tried without the real
service, and it repeats requests without knowing of our deadline; the queue is three requests.
"""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from services.tryon.engines.base import ContentRefused, EngineFailed, EngineUnusable, Options, TryAgain
from services.tryon.engines.fashn import model_inputs, no_pose, unreadable
from services.tryon.engines.http import Answer, ProviderHttp
from services.tryon.engines.pace import Pace
from services.tryon.engines.pictures import Upload
from services.tryon.engines.queued import QUEUED, WORKING, Hears, Look, QueuedEngine

MODEL = "/fal-ai/fashn/tryon/v1.6"
_KEPT_SECONDS = 3600
"""Results are fetched at once, but a worker that is restarted needs them a while longer."""
_UNSTORED = {"X-Fal-Store-IO": "0"}
"""Without it the pictures that go in, and what came of them, are in the account's history for 30 days."""
_LINKS = ("request_id", "status_url", "response_url", "cancel_url")
_TOLD = (400, 422, 500, 504)
"""Statuses with which a run's own failure is told, if it has a type."""
_REFUSED = ("content_policy_violation",)
_UNREADABLE = ("image_load_error", "image_too_small", "image_too_large", "file_download_error", "unsupported_image")
_NO_PERSON = ("face_detection_error", "pose_error", "PoseError")


class Fal(QueuedEngine):
    """The queue's REST interface."""

    name = "fal"

    def __init__(
        self,
        http: ProviderHttp,
        api_key: str,
        pace: Pace | None = None,
        *,
        moderation: str = "permissive",
        platform: ProviderHttp | None = None,
        admin_key: str = "",
        hears: Hears | None = None,
    ) -> None:
        """With an admin key for the platform's API, all of a run is deleted; else little is kept of it."""
        super().__init__(http, pace, hears)
        self._headers = {"Authorization": f"Key {api_key}"}
        self._moderation = moderation
        self._platform = platform
        self._admin = {"Authorization": f"Key {admin_key}"}
        self.forgets = platform is not None

    async def begin(self, person: Upload, garment: Upload, options: Options) -> str:
        """Queues a request; its run is the links that the queue gives, to be used as they are."""
        kept = {"X-Fal-Object-Lifecycle-Preference": json.dumps({"expiration_duration_seconds": _KEPT_SECONDS})}
        # Deleting finds a run's files by what is stored of it.
        kept |= {} if self.forgets else _UNSTORED
        inputs = model_inputs(person, garment, options, self._moderation)
        told = f"?fal_webhook={quote(self.webhook_url, safe='')}" if self.webhook_url else ""
        answer = await self.http.json("POST", MODEL + told, self._headers | kept, inputs)
        if not answer.ok:
            raise _failure(answer)
        links = {name: answer.data.get(name) for name in _LINKS}
        if not all(isinstance(link, str) for link in links.values()):
            raise TryAgain("the queue gave no links")
        return json.dumps(links)

    async def look(self, run: str) -> Look:
        """The status, and the result once there is one."""
        answer = await self.http.json("GET", _link(run, "status_url"), self._headers)
        if answer.status == 404:
            return Look(error=TryAgain("the run is not known any more"))
        if not answer.ok:
            raise answer.refusal()
        match answer.data.get("status"):
            case "IN_QUEUE":
                return QUEUED
            case "COMPLETED" if answer.data.get("error"):
                return Look(error=_meaning(_kinds(answer.data), str(answer.data["error"])))
            case "COMPLETED":
                return await self._result(run)
            case _:
                return WORKING

    async def cancel(self, run: str) -> None:
        """PUT cancel_url."""
        await self.http.json("PUT", _link(run, "cancel_url"), self._headers)

    def public_id(self, run: str) -> str:
        """The request's id."""
        return _link(run, "request_id")

    async def forget(self, run: str) -> None:
        """DELETE /v1/models/requests/{id}/payloads: pictures in and out."""
        if self._platform:
            path = f"/v1/models/requests/{quote(_link(run, 'request_id'), safe='')}/payloads"
            answer = await self._platform.json("DELETE", path, self._admin)
            if not answer.ok and answer.status != 404:
                raise answer.refusal()
            files = answer.data.get("cdn_delete_results")
            if any(isinstance(file, dict) and file.get("exception") for file in (files or ())):
                raise EngineFailed("a file was not deleted")

    async def close(self) -> None:
        """Closes the connections."""
        await super().close()
        if self._platform:
            await self._platform.close()

    async def _result(self, run: str) -> Look:
        answer = await self.http.json("GET", _link(run, "response_url"), self._headers)
        if not answer.ok:
            error = _failure(answer)
            # A result that does not come is asked for again; one that says why there is none is the run's end.
            if isinstance(error, TryAgain) and not (answer.status in _TOLD and _kinds(answer.data, answer.headers)):
                raise error
            return Look(error=error)
        images = answer.data.get("images")
        if isinstance(images, list) and images and isinstance(images[0], dict) and images[0].get("url"):
            return Look(picture=str(images[0]["url"]))
        return Look(error=TryAgain("the run was completed without a picture"))


def _link(run: str, name: str) -> str:
    try:
        return str(json.loads(run)[name])
    except (ValueError, KeyError, TypeError) as error:
        raise EngineFailed("what was remembered of the run makes no sense") from error


def _kinds(data: dict[str, Any], headers: Mapping[str, str] | None = None) -> list[str]:
    """The types of error that an answer names."""
    detail = data.get("detail")
    named = [str(item.get("type", "")) for item in detail if isinstance(item, dict)] if isinstance(detail, list) else []
    return [str(kind) for kind in (*named, data.get("error_type"), (headers or {}).get("x-fal-error-type")) if kind]


def _failure(answer: Answer) -> Exception:
    kinds = _kinds(answer.data, answer.headers)
    if answer.status in _TOLD and kinds:
        return _meaning(kinds, f"HTTP {answer.status}", answer)
    return answer.refusal(" ".join(kinds))


def _meaning(kinds: list[str], said: str, answer: Answer | None = None) -> Exception:
    """What the types of a failed run mean."""
    message = f"the run failed: {said} {' '.join(kinds)}"
    if any(kind in _REFUSED for kind in kinds):
        return ContentRefused()
    if any(kind in _NO_PERSON for kind in kinds):
        return no_pose()
    if any(kind in _UNREADABLE for kind in kinds):
        return unreadable()
    if "exhausted_balance" in kinds:
        return EngineUnusable(message)
    if answer is not None and answer.status < 500:
        return EngineFailed(message)
    return TryAgain(message, answer.retry_after if answer else None)
