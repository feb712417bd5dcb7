"""FASHN's API: /v1/run and /v1/status/{id}."""

from __future__ import annotations

import base64
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from .core import Run, Sandbox
from .endpoints import Endpoint, Provider, check_choices, from_data_uri, json_of
from .errors import ApiError
from .painter import Inputs

CHOICES: dict[str, tuple[Any, ...]] = {
    "category": ("auto", "tops", "bottoms", "one-pieces"),
    "garment_photo_type": ("auto", "flat-lay", "model"),
    "mode": ("performance", "balanced", "quality"),
    "moderation_level": ("conservative", "permissive", "none"),
    "num_samples": (1, 2, 3, 4),
    "segmentation_free": (True, False),
    "output_format": ("png", "jpeg"),
}
_KNOWN = {"model_image", "garment_image", "seed"}
_ENDS = ("canceled", "time_out")
_PROBLEMS = {"NO_PERSON_FOUND": "PoseError", "IMAGE_UNREADABLE": "ImageLoadError"}


def model_run(sandbox: Sandbox, provider: str, given: dict[str, Any], status: int, extra: set[str]) -> Run:
    """Begins a run of the model, which fal serves too. Raises ApiError."""
    check_choices(given, CHOICES, _KNOWN | extra, status)
    category = given.get("category", "auto")
    inputs = Inputs(
        person=from_data_uri(given.get("model_image"), status, "ImageLoadError"),
        garment=from_data_uri(given.get("garment_image"), status, "ImageLoadError"),
        category="onePieces" if category == "one-pieces" else category,
        output_format=given.get("output_format", "png"),
        seed=given.get("seed", 0),
    )
    shown = {name: value for name, value in given.items() if not name.endswith("_image")}
    return sandbox.begin(provider, shown, inputs)


async def _run(sandbox: Sandbox, request: Request) -> Response:
    sandbox.count("fashn runs", 50, 60)
    given = await json_of(request)
    if given.get("model_name") != "tryon-v1.6" or not isinstance(given.get("inputs"), dict):
        raise ApiError(400, "BadRequest", "model_name and inputs are needed.")
    run = model_run(sandbox, "fashn", given["inputs"], 400, {"return_base64"})
    return JSONResponse({"id": run.id, "error": None})


async def _status(sandbox: Sandbox, request: Request) -> Response:
    sandbox.count("fashn looks", 50, 10)
    run = sandbox.find("fashn", request.path_params["id"])
    run.looks += 1
    phase = sandbox.phase(run)
    if phase in ("queued", "working"):
        return _said(run, {"queued": "in_queue", "working": "processing"}[phase])
    if run.outcome in _ENDS:
        return _said(run, run.outcome)
    if problem := sandbox.problem(run):
        name = _PROBLEMS.get(problem.reason, "PipelineError")
        return _said(run, "failed", error={"name": name, "message": str(problem)})
    if run.outcome:
        return _said(run, "failed", error={"name": run.outcome, "message": "As the knobs say."})
    return _said(run, "completed", output=[_output(sandbox, run)])


def _output(sandbox: Sandbox, run: Run) -> str:
    if run.given.get("return_base64"):
        data = base64.b64encode(sandbox.picture(run)).decode()
        return f"data:image/{run.inputs.output_format};base64,{data}"
    return f"{sandbox.config.base_url}/files/{run.id}"


def _said(run: Run, status: str, **more: Any) -> Response:
    return JSONResponse({"id": run.id, "status": status, "output": None, "error": None} | more)


PROVIDER = Provider(
    name="fashn",
    authorized=lambda sandbox, value: value == f"Bearer {sandbox.config.api_key}",
    words=lambda error: {"error": error.name, "message": error.message},
    endpoints=(
        Endpoint("submit", "POST", "/v1/run", _run),
        Endpoint("status", "GET", "/v1/status/{id}", _status),
    ),
)
