"""Pictures in a bucket that speaks S3 (AWS, MinIO, R2, Google Cloud Storage). The only file that knows boto3."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, BinaryIO, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from services.media.blobs import CANNOT_READ, CANNOT_STORE, Listed
from services.media.errors import BlobMissing, StorageUnavailable

_DEADLINE_SECONDS = 60
_THREADS = 16
_LISTED_AT_ONCE = 1000
_MISSING = ("NoSuchKey", "404")

T = TypeVar("T")


class S3Blobs:
    """Objects {prefix}{kind}/{the id's last two characters}/{id} in one bucket that nobody else may read."""

    def __init__(
        self,
        bucket: str,
        *,
        endpoint_url: str = "",
        region: str = "",
        key_id: str = "",
        secret: str = "",
        prefix: str = "",
    ) -> None:
        """Without a key, boto3 looks for one where it usually does: the environment, a role of the machine."""
        self._bucket = bucket
        self._prefix = prefix
        self._client = boto3.client(
            "s3",
            endpoint_url=endpoint_url or None,
            region_name=region or "us-east-1",
            aws_access_key_id=key_id or None,
            aws_secret_access_key=secret or None,
            config=Config(
                connect_timeout=5,
                read_timeout=20,
                retries={"mode": "standard", "total_max_attempts": 4},  # with jitter, and what AWS says of limits
                max_pool_connections=_THREADS,
                # What is newer than the protocol that the others speak.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                s3={"addressing_style": "path" if endpoint_url else "auto"},
            ),
        )
        # boto3 blocks, so it gets threads of its own.
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="s3")

    def location(self, blob_id: str, kind: str) -> str:
        """The object's key."""
        return f"{self._prefix}{kind}/{blob_id[-2:]}/{blob_id}"

    async def put(self, location: str, file: BinaryIO) -> str:
        """Puts the object, whole or not at all."""

        def upload() -> None:
            file.seek(0)
            self._client.put_object(Bucket=self._bucket, Key=location, Body=file)

        await self._called(upload, CANNOT_STORE)
        return ""

    async def get(self, location: str, address: str) -> bytes:
        """Gets the object."""

        def download() -> bytes:
            return bytes(self._client.get_object(Bucket=self._bucket, Key=location)["Body"].read())

        return await self._called(download, CANNOT_READ)

    async def delete(self, location: str) -> None:
        """Deletes the object, if it is there."""
        await self._called(lambda: self._client.delete_object(Bucket=self._bucket, Key=location), CANNOT_STORE)

    async def list(self) -> AsyncIterator[list[Listed]]:
        """Lists the objects under the prefix, a page at a time."""
        options: dict[str, Any] = {"Bucket": self._bucket, "Prefix": self._prefix, "MaxKeys": _LISTED_AT_ONCE}
        while True:
            answer = await self._called(lambda: self._client.list_objects_v2(**options), CANNOT_READ)
            yield [Listed(each["Key"], each["LastModified"]) for each in answer.get("Contents", [])]
            if not answer["IsTruncated"]:
                return
            options["ContinuationToken"] = answer["NextContinuationToken"]

    async def _called(self, call: Callable[[], T], told: str) -> T:
        try:
            async with asyncio.timeout(_DEADLINE_SECONDS):
                return await asyncio.get_running_loop().run_in_executor(self._threads, call)
        except ClientError as error:
            missing = error.response.get("Error", {}).get("Code") in _MISSING
            raise (BlobMissing if missing else StorageUnavailable)(told) from error
        except (BotoCoreError, OSError) as error:  # a timeout is an OSError
            raise StorageUnavailable(told) from error
