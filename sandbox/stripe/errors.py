"""Stripe's errors: each knows its HTTP status, its type and its code."""

from __future__ import annotations

from typing import Any


class ApiError(Exception):
    """An answer in Stripe's error JSON."""

    status = 500
    type = "api_error"
    code: str | None = None
    stored_for_idempotency = False
    """Whether the endpoint had begun to execute, so that a retry with the same key gets the same answer."""

    def __init__(self, message: str, *, param: str | None = None, code: str | None = None, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.code = code or self.code
        self.details = details

    def body(self) -> dict[str, Any]:
        """The JSON document, without fields that do not apply."""
        error = {"code": self.code, "message": self.message, "param": self.param, "type": self.type}
        if self.code:
            error["doc_url"] = f"https://stripe.com/docs/error-codes/{self.code.replace('_', '-')}"
        return {"error": {name: value for name, value in (error | self.details).items() if value is not None}}


class InvalidRequest(ApiError):
    """A parameter is missing, unknown or does not fit the state of the object."""

    status = 400
    type = "invalid_request_error"


class ResourceMissing(InvalidRequest):
    """No object has this id: 404 where the id is in the path, 400 where it is a parameter."""

    code = "resource_missing"

    def __init__(self, noun: str, wanted: str, *, param: str = "id") -> None:
        super().__init__(f"No such {noun}: '{wanted}'", param=param)
        self.status = 404 if param == "id" else 400


class UnknownUrl(InvalidRequest):
    """The path or the method does not exist."""

    status = 404


class Unauthorized(InvalidRequest):
    """The API key is missing or wrong."""

    status = 401


class IdempotencyMismatch(ApiError):
    """The key was first used with another endpoint or other parameters."""

    status = 400
    type = "idempotency_error"


class IdempotencyKeyInUse(ApiError):
    """A request with the same key is still running."""

    status = 409
    type = "idempotency_error"
    code = "idempotency_key_in_use"


class CardDeclined(ApiError):
    """The issuer refused the payment."""

    status = 402
    type = "card_error"
    code = "card_declined"
    stored_for_idempotency = True


class RateLimited(InvalidRequest):
    """Too many requests; nothing was done."""

    status = 429
    code = "rate_limit"
