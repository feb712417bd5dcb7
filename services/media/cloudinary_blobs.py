"""Pictures at Cloudinary. The only file that knows its SDK."""

import asyncio
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import cloudinary
import cloudinary.exceptions
import cloudinary.uploader
import urllib3

from services.media.errors import StorageUnavailable

_TIMEOUT_SECONDS = 20
_ATTEMPTS = 3
# A bare Error is an answer that is not JSON: a proxy's page, worth another try.
_FINAL = (
    cloudinary.exceptions.AuthorizationRequired,
    cloudinary.exceptions.BadRequest,
    cloudinary.exceptions.NotAllowed,
    cloudinary.exceptions.NotFound,
    cloudinary.exceptions.AlreadyExists,
)

T = TypeVar("T")


class CloudinaryBlobs:
    """Uploads under virtual-tryon/{kind}/{id}."""

    def __init__(self, url: str, upload_prefix: str = "") -> None:
        """`url` as cloudinary://key:secret@cloud."""
        parsed = urllib3.util.parse_url(url)
        key, _, secret = (parsed.auth or "").partition(":")
        self._options = {
            "cloud_name": parsed.host,
            "api_key": key,
            "api_secret": secret,
            "signature_version": 2,
        }
        if upload_prefix:
            self._options["upload_prefix"] = upload_prefix
        self._http = urllib3.PoolManager(timeout=_TIMEOUT_SECONDS, retries=False)
        # The SDK blocks, so it gets threads of its own.
        self._threads = ThreadPoolExecutor(16, thread_name_prefix="cloudinary")

    def location(self, blob_id: str, kind: str) -> str:
        """The picture's public id."""
        return f"virtual-tryon/{kind}/{blob_id}"

    async def put(self, location: str, data: bytes) -> str:
        """Uploads as `authenticated`: nobody can read it without a signed URL, which is the address."""

        def upload() -> dict[str, Any]:
            folder, _, name = location.rpartition("/")
            answer = cloudinary.uploader.upload(
                data,
                public_id=name,
                folder=folder,
                type="authenticated",
                overwrite=True,
                timeout=_TIMEOUT_SECONDS,
                **self._options,
            )
            return dict(answer)

        return str((await self._tried(upload))["secure_url"])

    async def get(self, location: str, address: str) -> bytes:
        """Downloads from the delivery URL."""

        def download() -> bytes:
            answer = self._http.request("GET", address)
            if answer.status != 200:
                raise cloudinary.exceptions.Error(f"status {answer.status}")
            return bytes(answer.data)

        return await self._tried(download)

    async def delete(self, location: str) -> None:
        """Destroys the picture and its cached copies."""
        await self._tried(
            lambda: cloudinary.uploader.destroy(
                location, type="authenticated", invalidate=True, timeout=_TIMEOUT_SECONDS, **self._options
            )
        )

    async def _tried(self, call: Callable[[], T]) -> T:
        loop = asyncio.get_running_loop()
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return await loop.run_in_executor(self._threads, call)
            except _FINAL as error:
                raise StorageUnavailable("Images cannot be stored right now. Please try again later.") from error
            except (cloudinary.exceptions.Error, urllib3.exceptions.HTTPError) as error:
                if attempt == _ATTEMPTS:
                    raise StorageUnavailable("Images cannot be stored right now. Please try again later.") from error
                await asyncio.sleep(random.uniform(0.1, 0.4) * 2**attempt)  # noqa: S311 - jitter
        raise AssertionError("the loop ends by return or raise")
