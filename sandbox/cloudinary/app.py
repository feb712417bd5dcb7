"""Puts the sandbox together."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from . import notifications
from .api import Api
from .config import Config
from .delivery import deliver
from .errors import ApiError, BadRequest, NotFound
from .knobs import Knobs
from .store import CONTENT_TYPES, Store

_Work = Callable[[Request], Awaitable[Response]]


class Sandbox:
    """One pretend cloud: its assets, its knobs, and every call that it answered."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.store = Store()
        self.knobs = Knobs()
        self.calls: list[dict[str, Any]] = []
        self._api = Api(config, self.store)
        self._telling: set[asyncio.Task[None]] = set()

    async def upload(self, request: Request) -> Response:
        """Serves the upload call."""
        async with request.form(max_part_size=2 * self.config.max_file_bytes) as form:
            answer = await self._api.upload(request.path_params["cloud"], form)
        while self._api.notifications:
            told = asyncio.create_task(notifications.deliver(self._api.notifications.pop()))
            self._telling.add(told)
            told.add_done_callback(self._telling.discard)
        # A browser on any page may upload.
        return JSONResponse(answer, headers={"access-control-allow-origin": "*"})

    async def destroy(self, request: Request) -> Response:
        """Serves the destroy call."""
        async with request.form() as form:
            return JSONResponse(await self._api.destroy(request.path_params["cloud"], form))

    async def download(self, request: Request) -> Response:
        """Serves a picture as it was uploaded."""
        asset = self._api.download(request.path_params["cloud"], request.query_params)
        return Response(asset.data, media_type=CONTENT_TYPES[asset.format])

    async def resources(self, request: Request) -> Response:
        """Serves the admin API's list."""
        given = request.headers.get("authorization", "")
        return JSONResponse(self._api.resources(**request.path_params, query=request.query_params, authorization=given))

    async def delivery(self, request: Request) -> Response:
        """Serves a stored picture."""
        return deliver(self.config, self.store, **request.path_params)

    async def unknown(self, request: Request) -> Response:
        """Refuses every other path."""
        raise NotFound(f"Resource not found - {request.url.path}")

    def faulty(self, action: str, work: _Work) -> _Work:
        """`work` under the knobs, with its outcome noted."""

        async def serve(request: Request) -> Response:
            if self.knobs.delay_ms:
                await asyncio.sleep(self.knobs.delay_ms / 1000)
            response = self.knobs.take(action, after=False)
            if response is None:
                response = await _answered(work, request)
                response = self.knobs.take(action, after=True) or response
            self.calls.append({"action": action, "status": response.status_code, "path": request.url.path})
            response.headers["x-request-id"] = secrets.token_hex(16)
            return response

        return serve

    async def show_knobs(self, request: Request) -> Response:
        """Shows the knobs, after turning those in the body."""
        if request.method == "PUT":
            self.knobs.apply(await _json(request))
        return JSONResponse(self.knobs.as_json())

    async def show_stored(self, _: Request) -> Response:
        """Lists what is stored."""
        return JSONResponse({"assets": [asset.answer(self.config) for asset in self.store.all()]})

    async def show_calls(self, _: Request) -> Response:
        """Lists the calls since the last reset."""
        return JSONResponse({"calls": self.calls})

    async def reset(self, _: Request) -> Response:
        """Forgets everything and turns every knob back."""
        self.store.clear()
        self.calls.clear()
        self.knobs.apply({"fail": None, "delay_ms": 0})
        return JSONResponse({})


async def _answered(work: _Work, request: Request) -> Response:
    try:
        return await work(request)
    except ApiError as error:
        return error.response()


def _plain(work: _Work) -> _Work:
    async def serve(request: Request) -> Response:
        return await _answered(work, request)

    return serve


async def _json(request: Request) -> dict[str, Any]:
    try:
        given = json.loads(await request.body())
    except ValueError as error:
        raise BadRequest("The body is not JSON") from error
    if not isinstance(given, dict):
        raise BadRequest("The body is not a JSON object")
    return given


async def _health(_: Request) -> Response:
    return PlainTextResponse("ok")


def create_app(config: Config) -> Starlette:
    """The sandbox as an ASGI application; `app.state.sandbox` is its inside."""
    sandbox = Sandbox(config)
    controls: list[tuple[str, str, _Work]] = [
        ("GET", "/_sandbox/health", _health),
        ("GET", "/_sandbox/knobs", sandbox.show_knobs),
        ("PUT", "/_sandbox/knobs", sandbox.show_knobs),
        ("GET", "/_sandbox/stored", sandbox.show_stored),
        ("GET", "/_sandbox/calls", sandbox.show_calls),
        ("POST", "/_sandbox/reset", sandbox.reset),
    ]
    cloud: list[tuple[str, str, _Work]] = [
        ("POST", "/v1_1/{cloud}/image/upload", sandbox.faulty("upload", sandbox.upload)),
        ("POST", "/v1_1/{cloud}/image/destroy", sandbox.faulty("destroy", sandbox.destroy)),
        ("GET", "/v1_1/{cloud}/image/download", sandbox.faulty("download", sandbox.download)),
        ("GET", "/v1_1/{cloud}/resources/image/{kind}", sandbox.faulty("resources", sandbox.resources)),
        ("GET", "/{cloud}/image/{kind}/{path:path}", sandbox.faulty("delivery", sandbox.delivery)),
    ]
    routes = [Route(path, _plain(work), methods=[method]) for method, path, work in (*controls, *cloud)]
    everything = Route("/{path:path}", _plain(sandbox.unknown), methods=["GET", "POST", "PUT", "DELETE"])
    app = Starlette(routes=[*routes, everything])
    app.state.sandbox = sandbox
    return app
