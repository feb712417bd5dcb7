"""The path of every `/v1` request: key, version, parameters, idempotency, endpoint, JSON."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from . import forms, schema
from .config import API_VERSION
from .core import Sandbox, origin
from .errors import ApiError, InvalidRequest, RateLimited, Unauthorized, UnknownUrl
from .expand import expanded
from .idempotency import Idempotency
from .store import Object, new_id

_log = logging.getLogger(__name__)
_VERSION = re.compile(r"^\d{4}-\d{2}-\d{2}(\.[a-z]+)?$")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One method of one path. The handler gets the sandbox, the checked parameters and the path's ids."""

    method: str
    path: str
    handler: Callable[..., Object]
    params: Any


class Api:
    """Serves endpoints over the wire protocol of Stripe's API v1."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._idempotency = Idempotency(sandbox.store)

    def routes(self, endpoints: list[Endpoint]) -> list[Route]:
        """A route for each endpoint, and one that refuses every other path or method."""
        unknown = Endpoint("", "/v1/{path:path}", _unknown_url, None)
        methods = ["GET", "POST", "DELETE", "PUT", "PATCH"]
        served = [Route(each.path, self._serve(each), methods=[each.method]) for each in endpoints]
        return [*served, Route(unknown.path, self._serve(unknown), methods=methods)]

    def _serve(self, endpoint: Endpoint) -> Callable[[Request], Any]:
        async def serve(request: Request) -> Response:
            return await self._answer(endpoint, request)

        return serve

    async def _answer(self, endpoint: Endpoint, request: Request) -> Response:
        request_id = new_id("req", 14)
        headers = {"Request-Id": request_id, "Stripe-Version": API_VERSION}
        try:
            self._authenticate(request)
            headers["Stripe-Version"] = _version(request)
            status, body, extra = await self._once(endpoint, request, request_id)
            headers |= extra
        except ApiError as error:
            status, body = error.status, error.body()
            headers |= _retry_advice(status)
        await self._sandbox.store.saved()
        return Response(json.dumps(body, indent=2), status, headers, media_type="application/json")

    async def _once(self, endpoint: Endpoint, request: Request, request_id: str) -> tuple[int, Any, dict[str, str]]:
        raw = forms.parse(await _encoded_params(request))
        key = request.headers.get("Idempotency-Key") if request.method == "POST" else None
        if not key:
            status, body = await self._execute(endpoint, request, raw, request_id, None)
            return status, body, {}
        path, now = request.url.path, self._sandbox.config.clock()
        stored = self._idempotency.begin(key, path, raw, now)
        if stored is not None:
            headers = {"Idempotency-Key": key, "Original-Request": stored["request_id"]}
            return stored["status"], stored["body"], headers | {"Idempotent-Replayed": "true"}
        try:
            status, body = await self._execute(endpoint, request, raw, request_id, key)
        finally:
            self._idempotency.end(key)
        return status, body, {"Idempotency-Key": key, "Original-Request": request_id}

    async def _execute(
        self, endpoint: Endpoint, request: Request, raw: dict[str, Any], request_id: str, key: str | None
    ) -> tuple[int, Any]:
        knobs, path = self._sandbox.knobs, request.url.path
        if knobs.api_delay_ms:
            await asyncio.sleep(knobs.api_delay_ms / 1000)
        _fail_if_told(knobs.take_api_error(path, after=False))
        params = schema.read(endpoint.params, raw) if endpoint.params else {}
        token = origin.set({"id": request_id, "idempotency_key": key})
        try:
            answer = 200, self._call(endpoint, params, request)
        except ApiError as error:
            if not error.stored_for_idempotency:
                raise
            answer = error.status, error.body()
        finally:
            origin.reset(token)
        if key:
            self._idempotency.keep(key, path, raw, answer, request_id, self._sandbox.config.clock())
        _fail_if_told(knobs.take_api_error(path, after=True))
        return answer

    def _call(self, endpoint: Endpoint, params: dict[str, Any], request: Request) -> Object:
        paths = params.pop("expand", [])
        try:
            result = endpoint.handler(self._sandbox, params, **request.path_params)
            return expanded(self._sandbox.store, result, paths)
        except ApiError:
            raise
        except Exception as error:
            _log.exception("%s %s failed", request.method, request.url.path)
            raise ApiError("An unknown error occurred") from error

    def _authenticate(self, request: Request) -> None:
        given = _secret_key(request.headers.get("Authorization", ""))
        if not given:
            raise Unauthorized(
                "You did not provide an API key. You need to provide your API key in the Authorization "
                "header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY')."
            )
        expected = self._sandbox.config.secret_key
        accepted = given == expected if expected else given.startswith(("sk_test_", "rk_test_"))
        if not accepted:
            shown = f"{given[:8]}{'*' * 8}{given[-4:]}" if len(given) > 16 else "*" * len(given)
            raise Unauthorized(f"Invalid API Key provided: {shown}")


def _unknown_url(_: Sandbox, __: dict[str, Any], path: str) -> Object:
    raise UnknownUrl(
        f"Unrecognized request URL (/v1/{path}). Please see https://stripe.com/docs, and the sandbox's README "
        "for what it has of it."
    )


async def _encoded_params(request: Request) -> str:
    if request.method in ("GET", "DELETE"):
        body = (await request.body()).decode("utf-8", "replace")
        return "&".join(filter(None, (request.url.query, body)))
    content_type = request.headers.get("Content-Type", "")
    if "json" in content_type:
        raise InvalidRequest(
            "Invalid request (check that your POST content type is application/x-www-form-urlencoded)."
        )
    return (await request.body()).decode("utf-8", "replace")


def _secret_key(authorization: str) -> str:
    scheme, _, credentials = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return credentials.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(credentials, validate=True).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _version(request: Request) -> str:
    version = request.headers.get("Stripe-Version", API_VERSION)
    if not _VERSION.match(version):
        raise InvalidRequest(f"Invalid Stripe API version: {version}")
    return version


def _fail_if_told(status: int | None) -> None:
    if status is None:
        return
    if status == RateLimited.status:
        raise RateLimited(
            "Request rate limit exceeded. Learn more about rate limits https://stripe.com/docs/rate-limits."
        )
    error = ApiError("The sandbox was told to fail this request.")
    error.status = status
    raise error


def _retry_advice(status: int) -> dict[str, str]:
    """Stripe says whether a retry can help; of a rate limit it says nothing, and the SDK then does not retry."""
    if status == RateLimited.status:
        return {}
    advice = {"Stripe-Should-Retry": "true" if status == 409 or status >= 500 else "false"}
    return advice | ({"WWW-Authenticate": 'Basic realm="Stripe"'} if status == 401 else {})
