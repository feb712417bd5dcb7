"""`/_sandbox/*`: what a test does and sees that the providers' APIs do not offer."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

from PIL import Image
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from .core import Run, Sandbox


def routes(sandbox: Sandbox) -> list[Route]:
    """Every control."""

    async def health(_: Request) -> Response:
        return PlainTextResponse("ok")

    async def knobs(request: Request) -> Response:
        if request.method == "PUT":
            try:
                sandbox.knobs.apply(await request.json())
            except ValueError as error:
                return JSONResponse({"error": str(error)}, 400)
        return JSONResponse(sandbox.knobs.as_json())

    async def runs(_: Request) -> Response:
        shown = [_shown(sandbox, run) for run in sandbox.runs.values()]
        return JSONResponse({"runs": shown, "keys_at_files": sandbox.keys_at_files})

    async def reset(_: Request) -> Response:
        sandbox.reset()
        return JSONResponse({"reset": True})

    table: list[tuple[str, list[str], Callable[[Request], Any]]] = [
        ("/_sandbox/health", ["GET"], health),
        ("/_sandbox/knobs", ["GET", "PUT"], knobs),
        ("/_sandbox/runs", ["GET"], runs),
        ("/_sandbox/reset", ["POST"], reset),
    ]
    return [Route(path, call, methods=methods) for path, methods, call in table]


def _shown(sandbox: Sandbox, run: Run) -> dict[str, Any]:
    return {
        "id": run.id,
        "provider": run.provider,
        "phase": sandbox.phase(run),
        "looks": run.looks,
        "webhooks": run.webhook_answers,
        "stored": run.stored,
        "deleted": run.deleted,
        "given": run.given,
        "person": _size(run.inputs.person),
        "garment": _size(run.inputs.garment),
    }


def _size(data: bytes) -> list[int]:
    try:
        return list(Image.open(io.BytesIO(data)).size)
    except OSError:
        return []
