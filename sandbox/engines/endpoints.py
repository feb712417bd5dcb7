"""Serves a provider's endpoints: the key, the faults, the errors in the provider's words."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from .core import Sandbox
from .errors import ApiError
from .knobs import Fault

Call = Callable[[Sandbox, Request], Awaitable[Response]]


@dataclass(frozen=True)
class Endpoint:
    """One operation of a provider; `step` is what faults call it."""

    step: str
    method: str
    path: str
    call: Call


@dataclass(frozen=True)
class Provider:
    """A provider's API."""

    name: str
    authorized: Callable[[Sandbox, str], bool]
    """Whether the value of the Authorization header is good."""
    words: Callable[[ApiError], dict[str, Any]]
    """The JSON of an error."""
    endpoints: tuple[Endpoint, ...]
    error_header: str = ""
    """A header that carries the error's name."""

    def routes(self, sandbox: Sandbox) -> list[Route]:
        """The provider's endpoints."""
        return [
            Route(endpoint.path, _Served(self, endpoint, sandbox), methods=[endpoint.method])
            for endpoint in self.endpoints
        ]

    def refusal(self, error: ApiError) -> Response:
        """The answer to a request that failed."""
        headers = {"Retry-After": error.retry_after} if error.retry_after else {}
        if self.error_header:
            headers[self.error_header] = error.name
        return JSONResponse(self.words(error), error.status, headers=headers)


class _Served:
    """An ASGI application, as cutting a connection is below what a response can do."""

    def __init__(self, provider: Provider, endpoint: Endpoint, sandbox: Sandbox) -> None:
        self._provider = provider
        self._endpoint = endpoint
        self._sandbox = sandbox

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        await request.body()
        answer = await self._fault(request, after=False) or await self._answer(request)
        answer = await self._fault(request, after=True) or answer
        await answer(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        try:
            if not self._provider.authorized(self._sandbox, request.headers.get("authorization", "")):
                raise ApiError(401, "UnauthorizedAccess", "The key is not valid.")
            return await self._endpoint.call(self._sandbox, request)
        except ApiError as error:
            return self._provider.refusal(error)

    async def _fault(self, request: Request, *, after: bool) -> Response | None:
        fault = self._sandbox.knobs.take_fault(self._provider.name, self._endpoint.step, after=after)
        if fault is None:
            return None
        return await _spoiled(fault, request, self._provider)


async def _spoiled(fault: Fault, request: Request, provider: Provider) -> Response:
    match fault.kind:
        case "hang":
            while (await request.receive())["type"] != "http.disconnect":
                continue
            return Response()
        case "cut":
            # Less than was promised: the server closes the connection in the middle of the answer.
            return Response(b"{", headers={"Content-Length": "1000"})
        case "garbage":
            return Response("<html>Bad gateway</html>", media_type="text/html")
        case _:
            error = ApiError(fault.status, fault.name, "As the knobs say.", fault.retry_after)
            return provider.refusal(error)


async def json_of(request: Request) -> dict[str, Any]:
    """The request's JSON object. Raises ApiError."""
    try:
        given = json.loads(await request.body())
    except ValueError as error:
        raise ApiError(400, "BadRequest", "The body is not JSON.") from error
    if not isinstance(given, dict):
        raise ApiError(400, "BadRequest", "The body is not a JSON object.")
    return given


def from_data_uri(value: Any, status: int, name: str) -> bytes:
    """The bytes of a picture in a request. Raises ApiError with the status and name for anything else."""
    head, _, body = str(value).partition(",")
    if not (head.startswith("data:image/") and head.endswith(";base64")):
        raise ApiError(status, name, "Only data URIs of pictures are understood here.")
    return from_base64(body, status, name)


def from_base64(text: Any, status: int, name: str) -> bytes:
    """The bytes of base64. Raises ApiError with the status and name."""
    try:
        return base64.b64decode(str(text), validate=True)
    except binascii.Error as error:
        raise ApiError(status, name, "The picture is not base64.") from error


def check_choices(given: dict[str, Any], choices: dict[str, tuple[Any, ...]], known: set[str], status: int) -> None:
    """Refuses fields that do not exist and values that they do not take. Raises ApiError."""
    if unknown := given.keys() - known - choices.keys():
        raise ApiError(status, "BadRequest", f"Unknown: {', '.join(sorted(unknown))}")
    for name, allowed in choices.items():
        if name in given and given[name] not in allowed:
            raise ApiError(status, "BadRequest", f"{name} cannot be {given[name]!r}")
