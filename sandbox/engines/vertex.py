"""Google: access tokens for a service account, and virtual-try-on-001 on Vertex AI."""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from .core import Run, Sandbox
from .endpoints import Endpoint, Provider, check_choices, from_base64, json_of
from .errors import ApiError
from .painter import Inputs

PROJECT = "sandbox"
ACCOUNT = "tryon@sandbox.iam.gserviceaccount.com"
_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
_AUDIENCE = "https://oauth2.googleapis.com/token"  # whatever the key file's token_uri is
_TOKENS: set[str] = set()
_CHOICES: dict[str, tuple[Any, ...]] = {
    "sampleCount": (1, 2, 3, 4),
    "addWatermark": (True, False),
    "personGeneration": ("dont_allow", "allow_adult", "allow_all"),
    "safetySetting": ("block_low_and_above", "block_medium_and_above", "block_only_high", "block_none"),
}
_KNOWN = {"seed", "baseSteps", "storageUri", "outputOptions"}
_STATUSES = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 429: "RESOURCE_EXHAUSTED"}


def service_account(base_url: str) -> dict[str, str]:
    """A service account's key file, as Google's libraries read it; its tokens come from here."""
    key = _KEY.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return {
        "type": "service_account",
        "project_id": PROJECT,
        "private_key_id": "sandbox",
        "private_key": key.decode(),
        "client_email": ACCOUNT,
        "token_uri": f"{base_url}/token",
    }


async def _token(sandbox: Sandbox, request: Request) -> Response:
    """RFC 7523: an assertion that the account signed, for an access token."""
    form = await request.form()
    try:
        claims = jwt.decode(str(form.get("assertion")), _KEY.public_key(), ["RS256"], audience=_AUDIENCE)
    except jwt.InvalidTokenError as error:
        raise ApiError(400, "invalid_grant", str(error)) from error
    if claims["iss"] != ACCOUNT or "cloud-platform" not in claims["scope"]:
        raise ApiError(400, "invalid_grant", "Another account or scope.")
    token = f"ya29.{secrets.token_urlsafe(16)}"
    _TOKENS.add(token)
    return JSONResponse({"access_token": token, "expires_in": 3600, "token_type": "Bearer"})


async def _predict(sandbox: Sandbox, request: Request) -> Response:
    if request.path_params["project"] != PROJECT:
        raise ApiError(403, "PERMISSION_DENIED", "No access to this project.")
    run = _begin(sandbox, await json_of(request))
    while sandbox.phase(run) != "done":
        await asyncio.sleep(0.005)
        if await request.is_disconnected():
            run.canceled = True
            return Response()
    return JSONResponse({"predictions": _predictions(sandbox, run)})


def _begin(sandbox: Sandbox, given: dict[str, Any]) -> Run:
    parameters = given.get("parameters", {})
    check_choices(parameters, _CHOICES, _KNOWN, 400)
    if "seed" in parameters and parameters.get("addWatermark", True):
        raise ApiError(400, "INVALID_ARGUMENT", "A seed needs addWatermark to be false.")
    try:
        instance = given["instances"][0]
        person, garment = instance["personImage"]["image"], instance["productImages"][0]["image"]
    except (KeyError, IndexError, TypeError) as error:
        raise ApiError(400, "INVALID_ARGUMENT", "There are no pictures.") from error
    mime = parameters.get("outputOptions", {}).get("mimeType", "image/png")
    if mime not in ("image/png", "image/jpeg"):
        raise ApiError(400, "INVALID_ARGUMENT", f"{mime} is not made here.")
    inputs = Inputs(
        person=from_base64(person.get("bytesBase64Encoded"), 400, "INVALID_ARGUMENT"),
        garment=from_base64(garment.get("bytesBase64Encoded"), 400, "INVALID_ARGUMENT"),
        category="auto",
        output_format=mime.removeprefix("image/"),
        seed=parameters.get("seed", 0),
    )
    return sandbox.begin("vertex", parameters, inputs)


def _predictions(sandbox: Sandbox, run: Run) -> list[dict[str, Any]]:
    if run.outcome == "empty":
        return []
    if run.outcome == "rai":
        return [{"raiFilteredReason": "The picture was blocked. Support codes: 58061214"}]
    if problem := sandbox.problem(run):
        raise ApiError(400, "INVALID_ARGUMENT", str(problem))
    if run.outcome:
        raise ApiError(500, run.outcome, "As the knobs say.")
    data = base64.b64encode(sandbox.picture(run)).decode()
    return [{"mimeType": f"image/{run.inputs.output_format}", "bytesBase64Encoded": data}]


def _words(error: ApiError) -> dict[str, Any]:
    status = _STATUSES.get(error.status, error.name)
    return {"error": {"code": error.status, "message": error.message, "status": status}}


async def _account(sandbox: Sandbox, _: Request) -> Response:
    return Response(json.dumps(service_account(sandbox.config.base_url)), media_type="application/json")


PROVIDER = Provider(
    name="vertex",
    authorized=lambda _, value: value.removeprefix("Bearer ") in _TOKENS,
    words=_words,
    endpoints=(
        Endpoint(
            "submit",
            "POST",
            "/v1/projects/{project}/locations/{location}/publishers/google/models/virtual-try-on-001:predict",
            _predict,
        ),
    ),
)
TOKENS = Provider(
    name="vertex",
    authorized=lambda _, __: True,
    words=lambda error: {"error": error.name, "error_description": error.message},
    endpoints=(
        Endpoint("token", "POST", "/token", _token),
        Endpoint("token", "GET", "/_sandbox/service-account", _account),
    ),
)
