"""Replicate's predictions with IDM-VTON."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from .core import Run, Sandbox
from .endpoints import Endpoint, Provider, check_choices, from_data_uri, json_of
from .errors import ApiError
from .painter import Inputs
from .webhooks import default_secret

_CATEGORIES = {"upper_body": "tops", "lower_body": "bottoms", "dresses": "onePieces"}
_CHOICES: dict[str, tuple[Any, ...]] = {
    "category": tuple(_CATEGORIES),
    "crop": (True, False),
    "force_dc": (True, False),
    "steps": tuple(range(1, 41)),
}
_KNOWN = {"human_img", "garm_img", "garment_des", "seed", "mask_img", "mask_only"}
_ENDS = ("canceled", "aborted")


async def _create(sandbox: Sandbox, request: Request) -> Response:
    given = await json_of(request)
    inputs = given.get("input")
    if not isinstance(given.get("version"), str) or not isinstance(inputs, dict):
        raise ApiError(422, "Input validation failed", "version and input are needed.")
    check_choices(inputs, _CHOICES, _KNOWN, 422)
    shown = {name: value for name, value in inputs.items() if not name.endswith("_img")}
    asked = Inputs(
        person=from_data_uri(inputs.get("human_img"), 422, "Input validation failed"),
        garment=from_data_uri(inputs.get("garm_img"), 422, "Input validation failed"),
        category=_CATEGORIES[inputs["category"]],
        output_format="png",
        seed=inputs.get("seed", 0),
    )
    run = sandbox.begin("replicate", shown, asked)
    # Theirs has in it what was sent to them.
    sandbox.tell(run, str(given.get("webhook", "")), lambda: _prediction(sandbox, run) | {"input": inputs})
    return JSONResponse(_prediction(sandbox, run), 201)


async def _get(sandbox: Sandbox, request: Request) -> Response:
    run = sandbox.find("replicate", request.path_params["id"])
    run.looks += 1
    return JSONResponse(_prediction(sandbox, run))


async def _cancel(sandbox: Sandbox, request: Request) -> Response:
    run = sandbox.find("replicate", request.path_params["id"])
    if sandbox.phase(run) != "done":
        run.canceled = True
    return JSONResponse(_prediction(sandbox, run))


def _prediction(sandbox: Sandbox, run: Run) -> dict[str, Any]:
    base = f"{sandbox.config.base_url}/v1/predictions/{run.id}"
    phase = sandbox.phase(run)
    status = {"queued": "starting", "working": "processing", "done": "succeeded"}.get(phase, phase)
    output: Any = None
    error: str | None = None
    if phase == "done" and run.outcome in _ENDS:
        status = run.outcome
    elif phase == "done" and (run.outcome or sandbox.problem(run)):
        status, error = "failed", run.outcome or str(sandbox.problem(run))
    elif phase == "done":
        url = f"{sandbox.config.base_url}/files/{run.id}"
        output = [url] if sandbox.knobs.as_list else url
    percent = round(100 * sandbox.share(run))
    return {
        "id": run.id,
        "status": status,
        "output": output,
        "error": error,
        "logs": ""
        if phase == "queued"
        else f"  0%|          | 0/30\n {percent}%|####      | {percent}/100 [00:01<00:01]\n",
        "urls": {"get": base, "cancel": f"{base}/cancel"},
    }


PROVIDER = Provider(
    name="replicate",
    authorized=lambda sandbox, value: value == f"Bearer {sandbox.config.api_key}",
    words=lambda error: {"title": error.name, "detail": error.message, "status": error.status},
    endpoints=(
        Endpoint("submit", "POST", "/v1/predictions", _create),
        Endpoint("status", "GET", "/v1/predictions/{id}", _get),
        Endpoint("cancel", "POST", "/v1/predictions/{id}/cancel", _cancel),
        Endpoint("secret", "GET", "/v1/webhooks/default/secret", default_secret),
    ),
)
