"""Pictures at Cloudinary. The only file that knows its SDK."""

import asyncio
import hashlib
import hmac
import random
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, BinaryIO, TypeVar

import cloudinary
import cloudinary.api
import cloudinary.exceptions
import cloudinary.uploader
import cloudinary.utils
import urllib3
from cloudinary.api_client import call_api
from cloudinary.api_client.execute_request import EXCEPTION_CODES

from services.kit import telemetry
from services.media.blobs import CANNOT_READ, CANNOT_STORE, Listed
from services.media.errors import BlobMissing, FileTooLarge, StorageUnavailable

FOLDER = "virtual-tryon"
INCOMING = f"{FOLDER}/incoming"
_TIMEOUT_SECONDS = 20
_DEADLINE_SECONDS = 60
_ATTEMPTS = 3
_LISTED_AT_ONCE = 500
_EXTENSIONS = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp", "image/avif": "avif"}
_INCOMING_FORMATS = "jpg,png,webp,avif,heic"
_NOTIFICATION_SECONDS = 7200
_CLOCK_SKEW_SECONDS = 60
# A bare Error is an answer that is not JSON: a proxy's page, worth another try.
_FINAL = (
    cloudinary.exceptions.AuthorizationRequired,
    cloudinary.exceptions.BadRequest,
    cloudinary.exceptions.NotAllowed,
    cloudinary.exceptions.NotFound,
    cloudinary.exceptions.AlreadyExists,
)

T = TypeVar("T")


class _Http(urllib3.PoolManager):
    """The SDK's connections; they remember until when Cloudinary has had enough of us, which its errors leave out."""

    limited_until = 0.0

    def request(self, method: str, url: str, *args: Any, **options: Any) -> Any:
        with telemetry.request(method, url, telemetry.template(url)) as answered:
            answer = super().request(method, url, *args, **options)
            answered(answer.status)
        if answer.status in (420, 429):
            self.limited_until = _reset(answer.headers)
        return answer


class CloudinaryBlobs:
    """Uploads under virtual-tryon/{kind}/{id}."""

    def __init__(self, url: str, upload_prefix: str = "") -> None:
        """`url` as cloudinary://key:secret@cloud."""
        parsed = urllib3.util.parse_url(url)
        key, _, secret = (parsed.auth or "").partition(":")
        self._secret = secret
        self._options = {
            "cloud_name": parsed.host,
            "api_key": key,
            "api_secret": secret,
            "signature_version": 2,
        }
        if upload_prefix:
            self._options["upload_prefix"] = upload_prefix
        self._http = _Http(timeout=_TIMEOUT_SECONDS, retries=False, maxsize=8, **cloudinary.CERT_KWARGS)
        # The SDK has no other place to hand them in.
        cloudinary.uploader._http = call_api._http = self._http
        # The SDK blocks, so it gets threads of its own.
        self._threads = ThreadPoolExecutor(8, thread_name_prefix="cloudinary")

    def location(self, blob_id: str, kind: str) -> str:
        """The picture's public id."""
        return f"{FOLDER}/{kind}/{blob_id}"

    async def put(self, location: str, file: BinaryIO) -> str:
        """Uploads as `authenticated`: nobody can read it without a signed URL, which is the address."""

        def upload() -> dict[str, Any]:
            folder, _, name = location.rpartition("/")
            file.seek(0)
            answer = cloudinary.uploader.upload(
                file.read(),
                public_id=name,
                folder=folder,
                type="authenticated",
                overwrite=True,
                timeout=_TIMEOUT_SECONDS,
                **self._options,
            )
            return dict(answer)

        return str((await self._tried(upload, CANNOT_STORE))["secure_url"])

    async def get(self, location: str, address: str) -> bytes:
        """Downloads from the delivery URL."""
        return await self._tried(lambda: self._downloaded(address), CANNOT_READ)

    async def delete(self, location: str) -> None:
        """Destroys the picture and the copies that Cloudinary made of it."""
        await self._tried(
            lambda: cloudinary.uploader.destroy(
                location, type="authenticated", invalidate=True, timeout=_TIMEOUT_SECONDS, **self._options
            ),
            CANNOT_STORE,
        )

    async def list(self) -> AsyncIterator[list[Listed]]:
        """Asks the admin API, which counts against the hour's calls, a page at a time."""
        cursor: str | None = None
        while True:
            options = {"next_cursor": cursor} if cursor else {}

            def page(options: dict[str, Any] = options) -> dict[str, Any]:
                return dict(
                    cloudinary.api.resources(
                        type="authenticated",
                        prefix=f"{FOLDER}/",
                        max_results=_LISTED_AT_ONCE,
                        timeout=_TIMEOUT_SECONDS,
                        **options,
                        **self._options,
                    )
                )

            answer = await self._tried(page, CANNOT_READ)
            yield [
                Listed(each["public_id"], datetime.fromisoformat(each["created_at"])) for each in answer["resources"]
            ]
            if not (cursor := answer.get("next_cursor")):
                return

    async def scaled(self, location: str, address: str, width: int, content_type: str) -> bytes:
        """Has Cloudinary make the copy, and keep it until the picture is destroyed."""
        url, _ = cloudinary.utils.cloudinary_url(
            location,
            type="authenticated",
            format=_EXTENSIONS[content_type],
            transformation=[{"width": width, "crop": "limit", "quality": "auto"}],
            sign_url=True,
            long_url_signature=True,
            secure=True,
            force_version=False,
            **self._options,
        )
        # The same host that delivers the picture itself, which may be a name of the account's own.
        kind = "/image/authenticated/"
        scaled = address.partition(kind)[0] + kind + url.partition(kind)[2]
        return await self._tried(lambda: self._downloaded(scaled), CANNOT_READ)

    def signed_upload(self, location: str, notification_url: str) -> tuple[str, dict[str, str]]:
        """Where a browser may put one picture, and the fields that it has to send; for an hour, and only there."""
        folder, _, name = location.rpartition("/")
        params = {
            "public_id": name,
            "folder": folder,
            "type": "authenticated",
            "overwrite": "false",
            "allowed_formats": _INCOMING_FORMATS,
            "notification_url": notification_url,
            "timestamp": str(int(time.time())),
        }
        signed = cloudinary.utils.sign_request(params, self._options)
        url = cloudinary.utils.cloudinary_api_url("upload", **self._options)
        return url, {name: str(value) for name, value in signed.items()}

    def is_notification(self, body: bytes, timestamp: str, signature: str) -> bool:
        """Whether Cloudinary itself has signed this, in the last two hours."""
        make = {40: hashlib.sha1, 64: hashlib.sha256}.get(len(signature))
        if make is None or not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 15):
            return False
        wanted = make(body + timestamp.encode() + self._secret.encode()).hexdigest()
        age = time.time() - int(timestamp)
        fresh = -_CLOCK_SKEW_SECONDS <= age <= _NOTIFICATION_SECONDS
        return hmac.compare_digest(wanted.encode(), signature.encode()) and fresh

    async def incoming(self, location: str, file_format: str, max_bytes: int) -> bytes:
        """What a browser has put there. Raises FileTooLarge, BlobMissing, StorageUnavailable.

        The URL is one of the API's that we sign, not one that a notification tells.
        """
        url = cloudinary.utils.private_download_url(location, file_format, type="authenticated", **self._options)
        return await self._tried(lambda: self._downloaded(url, max_bytes), CANNOT_READ)

    def _downloaded(self, url: str, max_bytes: int | None = None) -> bytes:
        answer = self._http.request("GET", url, preload_content=False)
        try:
            if answer.status != 200:
                raise EXCEPTION_CODES.get(answer.status, cloudinary.exceptions.Error)(f"status {answer.status}")
            data = bytes(answer.read(max_bytes and max_bytes + 1))
        finally:
            answer.release_conn()
        if max_bytes and len(data) > max_bytes:
            raise FileTooLarge(f"File size exceeds {max_bytes // (1024 * 1024)}MB limit")
        return data

    async def _tried(self, call: Callable[[], T], told: str) -> T:
        if (pause := self._http.limited_until - time.time()) > 0:
            raise _limited(told, pause)
        try:
            async with asyncio.timeout(_DEADLINE_SECONDS):
                return await self._repeated(call)
        except cloudinary.exceptions.NotFound as error:
            raise BlobMissing(told) from error
        except cloudinary.exceptions.RateLimited as error:
            raise _limited(told, self._http.limited_until - time.time()) from error
        except (cloudinary.exceptions.Error, urllib3.exceptions.HTTPError, TimeoutError) as error:
            raise StorageUnavailable(told) from error

    async def _repeated(self, call: Callable[[], T]) -> T:
        loop = asyncio.get_running_loop()
        for attempt in range(1, _ATTEMPTS):
            try:
                return await loop.run_in_executor(self._threads, copy_context().run, call)
            except _FINAL:
                raise
            except cloudinary.exceptions.RateLimited:
                # The limit is an hour's: within this request it helps only if the hour is over.
                if self._http.limited_until - time.time() > 1:
                    raise
            except (cloudinary.exceptions.Error, urllib3.exceptions.HTTPError):
                pass  # passing, as far as one can tell
            await asyncio.sleep(random.uniform(0.1, 0.4) * 2**attempt)  # noqa: S311 - jitter
        return await loop.run_in_executor(self._threads, copy_context().run, call)


def _reset(headers: Any) -> float:
    """When calls are answered again, in seconds since 1970; at once when it is not told."""
    try:
        return parsedate_to_datetime(headers["x-featureratelimit-reset"]).timestamp()
    except (KeyError, ValueError, TypeError):
        return 0.0


def _limited(told: str, pause: float) -> StorageUnavailable:
    error = StorageUnavailable(told)
    error.retry_after = max(1, round(pause))
    return error
