"""Google's Virtual Try-On on Vertex AI. One request that answers with the picture; nothing is kept there."""

import asyncio
import base64
from collections.abc import Awaitable, Callable
from typing import Any

from google.auth import default, exceptions
from google.auth.credentials import Credentials
from google.auth.transport.requests import Request
from google.oauth2 import service_account

from services.tryon.engines.base import (
    ContentRefused,
    EngineFailed,
    EngineUnusable,
    Options,
    Result,
    Task,
    TryAgain,
)
from services.tryon.engines.http import Answer, ProviderHttp, decoded
from services.tryon.engines.pace import Pace, Patience, persist
from services.tryon.engines.pictures import Upload, result_of, upload_of

MODEL = "virtual-try-on-001"
_SCOPES = ["https://www.googleapis.com/auth/cloud-platform"]
_STEPS = {"fast": 20, "balanced": 32, "quality": 50}

TokenSource = Callable[[], Awaitable[str]]
"""Gives an access token. Raises EngineFailed."""


class GoogleToken:
    """Access tokens of a service account's key file, or of wherever this runs."""

    def __init__(self, credentials_file: str = "") -> None:
        self._file = credentials_file
        self._credentials: Credentials | None = None
        self._turn = asyncio.Lock()

    async def __call__(self) -> str:
        """A token that is good for a while yet. Raises EngineUnusable, TryAgain."""
        async with self._turn:
            return await asyncio.to_thread(self._fresh)

    def _fresh(self) -> str:
        try:
            if self._credentials is None:
                self._credentials = self._load()
            if not self._credentials.valid:
                self._credentials.refresh(Request())  # type: ignore[no-untyped-call]
        except exceptions.GoogleAuthError as error:
            if error.retryable or isinstance(error, exceptions.TransportError):
                raise TryAgain(f"no access token: {error}") from error
            raise EngineUnusable(f"no access token: {error}") from error
        except (OSError, ValueError) as error:
            raise EngineUnusable(f"the credentials cannot be read: {error}") from error
        return str(self._credentials.token)

    def _load(self) -> Credentials:
        read = service_account.Credentials.from_service_account_file
        found: Credentials = (
            read(self._file, scopes=_SCOPES)  # type: ignore[no-untyped-call]
            if self._file
            else default(scopes=_SCOPES)[0]
        )
        return found


class Vertex:
    """Predictions of virtual-try-on-001."""

    name = "vertex"

    def __init__(
        self, http: ProviderHttp, token: TokenSource, project: str, location: str, pace: Pace | None = None
    ) -> None:
        self._http = http
        self._token = token
        self._path = f"/v1/projects/{project}/locations/{location}/publishers/google/models/{MODEL}:predict"
        self._pace = pace or Pace()

    async def prepare(self) -> None:
        """Gets the first token. Raises EngineFailed."""
        await self._token()

    async def generate(self, task: Task, deadline: float) -> Result:
        """Makes a picture before the deadline. A request cannot be resumed. Raises InputProblem, EngineFailed."""
        try:
            async with asyncio.timeout_at(deadline):
                person, garment = await asyncio.gather(
                    asyncio.to_thread(upload_of, task.person, "person"),
                    asyncio.to_thread(upload_of, task.garment, "garment"),
                )
                await task.progress("generating", 0.2)
                patience = Patience(self._pace, deadline, self._pace.tries)
                data = await persist(lambda: self._predict(person, garment, task.options), patience)
                return await asyncio.to_thread(result_of, data, task.options.output_format, person)
        except TimeoutError as error:
            raise EngineFailed("vertex made no picture in time") from error

    async def close(self) -> None:
        """Closes the connections."""
        await self._http.close()

    async def _predict(self, person: Upload, garment: Upload, options: Options) -> bytes:
        headers = {"Authorization": f"Bearer {await self._token()}"}
        answer = await self._http.json("POST", self._path, headers, _body(person, garment, options))
        if not answer.ok:
            raise answer.refusal(_said(answer))
        predictions = answer.data.get("predictions")
        first = predictions[0] if isinstance(predictions, list) and predictions else None
        if not isinstance(first, dict):
            raise EngineFailed("there is no prediction")
        if first.get("raiFilteredReason"):
            raise ContentRefused
        if not isinstance(first.get("bytesBase64Encoded"), str):
            raise EngineFailed("the prediction has no picture")
        return decoded(first["bytesBase64Encoded"])


def _body(person: Upload, garment: Upload, options: Options) -> dict[str, Any]:
    """The contract's options; the model has no category and no type of photo."""
    parameters: dict[str, Any] = {
        "sampleCount": 1,
        "baseSteps": _STEPS[options.mode],
        "addWatermark": False,  # with one, a seed is refused
        "personGeneration": "allow_adult",
        "safetySetting": "block_medium_and_above",
        "outputOptions": {"mimeType": "image/jpeg" if options.output_format == "jpeg" else "image/png"},
    }
    if options.seed:
        parameters["seed"] = options.seed
    instance = {"personImage": _image(person), "productImages": [_image(garment)]}
    return {"instances": [instance], "parameters": parameters}


def _image(upload: Upload) -> dict[str, Any]:
    return {"image": {"bytesBase64Encoded": base64.b64encode(upload.data).decode()}}


def _said(answer: Answer) -> str:
    error = answer.data.get("error")
    return str(error.get("status", "")) if isinstance(error, dict) else ""
