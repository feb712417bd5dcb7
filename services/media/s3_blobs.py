"""Pictures in a bucket that speaks S3 (AWS, MinIO, R2, Google Cloud Storage). The only file that knows boto3."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, BinaryIO

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from services.kit import telemetry
from services.media.blobs import CANNOT_READ, CANNOT_STORE, Listed
from services.media.errors import BlobMissing, StorageUnavailable

_DEADLINE_SECONDS = 60
_THREADS = 16
_LISTED_AT_ONCE = 1000
_MISSING = ("NoSuchKey", "404")

Answer = dict[str, Any]


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

        def upload() -> Answer:
            file.seek(0)
            return dict(self._client.put_object(Bucket=self._bucket, Key=location, Body=file))

        await self._called("PUT", upload, CANNOT_STORE)
        return ""

    async def get(self, location: str, address: str) -> bytes:
        """Gets the object."""

        def download() -> Answer:
            answer = dict(self._client.get_object(Bucket=self._bucket, Key=location))
            return answer | {"Body": answer["Body"].read()}

        return bytes((await self._called("GET", download, CANNOT_READ))["Body"])

    async def delete(self, location: str) -> None:
        """Deletes the object, if it is there."""
        await self._called(
            "DELETE", lambda: self._client.delete_object(Bucket=self._bucket, Key=location), CANNOT_STORE
        )

    async def list(self) -> AsyncIterator[list[Listed]]:
        """Lists the objects under the prefix, a page at a time."""
        options: dict[str, Any] = {"Bucket": self._bucket, "Prefix": self._prefix, "MaxKeys": _LISTED_AT_ONCE}
        while True:
            answer = await self._called("GET", lambda: self._client.list_objects_v2(**options), CANNOT_READ, "/{}")
            yield [Listed(each["Key"], each["LastModified"]) for each in answer.get("Contents", [])]
            if not answer["IsTruncated"]:
                return
            options["ContinuationToken"] = answer["NextContinuationToken"]

    async def _called(self, method: str, call: Callable[[], Answer], told: str, template: str = "/{}/{}") -> Answer:
        try:
            async with asyncio.timeout(_DEADLINE_SECONDS):
                return await self._asked(method, template, call)
        except ClientError as error:
            missing = error.response.get("Error", {}).get("Code") in _MISSING
            raise (BlobMissing if missing else StorageUnavailable)(told) from error
        except (BotoCoreError, OSError) as error:  # a timeout is an OSError
            raise StorageUnavailable(told) from error

    async def _asked(self, method: str, template: str, call: Callable[[], Answer]) -> Answer:
        with telemetry.request(method, self._client.meta.endpoint_url, template) as answered:
            try:
                answer = await asyncio.get_running_loop().run_in_executor(self._threads, call)
            except ClientError as error:
                answered(_status(error.response))
                raise
            answered(_status(answer))
            return answer


def _status(answer: Any) -> int:
    return int(answer["ResponseMetadata"]["HTTPStatusCode"])
