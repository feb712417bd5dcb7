"""fal's queue in front of FASHN's model."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from .core import Run, Sandbox
from .endpoints import Endpoint, Provider, json_of
from .errors import ApiError
from .fashn import model_run
from .webhooks import published_keys

_PROBLEMS = {"NO_PERSON_FOUND": "face_detection_error", "IMAGE_UNREADABLE": "image_load_error"}


async def _submit(sandbox: Sandbox, request: Request) -> Response:
    run = model_run(sandbox, "fal", await json_of(request), 422, {"sync_mode"})
    run.stored = request.headers.get("x-fal-store-io") != "0"
    sandbox.tell(run, request.query_params.get("fal_webhook", ""), lambda: _outcome(sandbox, run))
    base = f"{sandbox.config.base_url}/fal-ai/fashn/requests/{run.id}"
    links = {"response_url": base, "status_url": f"{base}/status", "cancel_url": f"{base}/cancel"}
    return JSONResponse({"request_id": run.id, "queue_position": 0} | links)


def _outcome(sandbox: Sandbox, run: Run) -> dict[str, Any]:
    """What a webhook says."""
    base = {"request_id": run.id, "gateway_request_id": run.id}
    if run.canceled:
        return base | {"status": "ERROR", "error": "Canceled", "payload": None}
    if failure := _failure(sandbox, run):
        return base | {"status": "ERROR", "error": failure.name, "payload": _words(failure)}
    return base | {"status": "OK", "payload": _images(sandbox, run)}


def _images(sandbox: Sandbox, run: Run) -> dict[str, Any]:
    url = f"{sandbox.config.base_url}/files/{run.id}"
    return {"images": [{"url": url, "content_type": f"image/{run.inputs.output_format}"}]}


async def _status(sandbox: Sandbox, request: Request) -> Response:
    run = sandbox.find("fal", request.path_params["id"])
    run.looks += 1
    base: dict[str, Any] = {"request_id": run.id}
    match sandbox.phase(run):
        case "queued":
            return JSONResponse(base | {"status": "IN_QUEUE", "queue_position": 1}, 202)
        case "working":
            return JSONResponse(base | {"status": "IN_PROGRESS"}, 202)
        case "canceled":
            return JSONResponse(base | {"status": "COMPLETED", "error": "Canceled", "error_type": "client_cancelled"})
    failure = _failure(sandbox, run)
    told = {} if failure is None or sandbox.knobs.quiet_status else {"error": "It failed", "error_type": failure.name}
    return JSONResponse(base | {"status": "COMPLETED"} | told)


async def _result(sandbox: Sandbox, request: Request) -> Response:
    run = sandbox.find("fal", request.path_params["id"])
    if sandbox.phase(run) != "done":
        raise ApiError(400, "request_in_progress", "Request is still in progress")
    if failure := _failure(sandbox, run):
        raise failure
    return JSONResponse(_images(sandbox, run))


async def _cancel(sandbox: Sandbox, request: Request) -> Response:
    run = sandbox.find("fal", request.path_params["id"])
    if sandbox.phase(run) == "done":
        return JSONResponse({"status": "ALREADY_COMPLETED"}, 400)
    run.canceled = True
    return JSONResponse({"status": "CANCELLATION_REQUESTED"}, 202)


async def _delete(sandbox: Sandbox, request: Request) -> Response:
    run = sandbox.find("fal", request.path_params["id"])
    run.deleted = True
    link = f"{sandbox.config.base_url}/files/{run.id}"
    return JSONResponse({"cdn_delete_results": [{"link": link, "exception": None}]})


def _failure(sandbox: Sandbox, run: Run) -> ApiError | None:
    if problem := sandbox.problem(run):
        return ApiError(422, _PROBLEMS.get(problem.reason, "no_media_generated"), str(problem))
    if run.outcome:
        status = 500 if run.outcome.startswith(("internal", "generation", "downstream")) else 422
        return ApiError(status, run.outcome, "As the knobs say.")
    return None


def _words(error: ApiError) -> dict[str, Any]:
    # What the model says is a list; what the queue says is a sentence.
    if error.status in (422, 500):
        return {"detail": [{"loc": ["body"], "msg": error.message, "type": error.name}]}
    return {"detail": error.message}


PROVIDER = Provider(
    name="fal",
    authorized=lambda sandbox, value: value == f"Key {sandbox.config.api_key}",
    words=_words,
    error_header="X-Fal-Error-Type",
    endpoints=(
        Endpoint("submit", "POST", "/fal-ai/fashn/tryon/v1.6", _submit),
        Endpoint("status", "GET", "/fal-ai/fashn/requests/{id}/status", _status),
        Endpoint("cancel", "PUT", "/fal-ai/fashn/requests/{id}/cancel", _cancel),
        Endpoint("result", "GET", "/fal-ai/fashn/requests/{id}", _result),
    ),
)
PLATFORM = Provider(
    name="fal",
    authorized=lambda sandbox, value: value == f"Key {sandbox.config.api_key}-admin",
    words=lambda error: {"error": {"type": error.name, "message": error.message}},
    endpoints=(Endpoint("delete", "DELETE", "/v1/models/requests/{id}/payloads", _delete),),
)
PUBLIC = Provider(
    name="fal",
    authorized=lambda _, __: True,
    words=_words,
    endpoints=(Endpoint("keys", "GET", "/.well-known/jwks.json", published_keys),),
)
