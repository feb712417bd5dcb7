"""Cloudinary's errors: each knows its HTTP status."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from starlette.responses import JSONResponse, Response


class ApiError(Exception):
    """An answer in Cloudinary's error JSON."""

    status = 500

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def response(self) -> Response:
        """The answer: the message in the body and, as Cloudinary does, in a header."""
        line = " ".join(self.message.split()).encode("ascii", "replace").decode()
        headers = {"X-Cld-Error": line} | self.headers()
        return JSONResponse({"error": {"message": self.message}}, self.status, headers)

    def headers(self) -> dict[str, str]:
        """What the answer carries beside the usual headers."""
        return {}


class BadRequest(ApiError):
    """A parameter is missing or wrong."""

    status = 400


class AuthorizationRequired(ApiError):
    """The cloud, the key or the signature is wrong."""

    status = 401


class NotAllowed(ApiError):
    """The account may not do this."""

    status = 403


class NotFound(ApiError):
    """There is no such asset or path."""

    status = 404


class AlreadyExists(ApiError):
    """The public id is taken."""

    status = 409


class RateLimited(ApiError):
    """Too many calls; nothing was done."""

    status = 420

    def headers(self) -> dict[str, str]:
        reset = datetime.now(UTC).replace(minute=0, second=0) + timedelta(hours=1)
        return {
            "X-FeatureRateLimit-Limit": "500",
            "X-FeatureRateLimit-Remaining": "0",
            "X-FeatureRateLimit-Reset": reset.strftime("%a, %d %b %Y %H:%M:%S GMT"),
        }


class TooManyRequests(RateLimited):
    """The same under its newer status."""

    status = 429


class GeneralError(ApiError):
    """Cloudinary's own fault."""

    status = 500


class Unavailable(GeneralError):
    """Cloudinary is overloaded."""

    status = 503
