"""The stores of bytes: what all of them promise, over a real disk and real HTTP servers."""

import asyncio
import io
import os
import socket
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import httpx
import pytest

from sandbox.cloudinary.config import Config
from services.kit.ids import new_id
from services.media.blobs import Blobs, DiskBlobs, Listed, Stores
from services.media.cloudinary_blobs import CloudinaryBlobs
from services.media.errors import BlobMissing, StorageUnavailable
from services.media.s3_blobs import S3Blobs
from services.media.tests.fakes import MemoryBlobs
from services.media.tests.samples import decoded, plain

PHOTO, OTHER = plain(), plain(colour="navy")


class Stored(Protocol):
    """Tells what is in a store, by location."""

    async def __call__(self) -> set[str]: ...


def at_cloudinary(config: Config, secret: str | None = None) -> CloudinaryBlobs:
    """The store that keeps pictures in the sandbox."""
    secret = config.api_secret if secret is None else secret
    return CloudinaryBlobs(f"cloudinary://{config.api_key}:{secret}@{config.cloud_name}", config.base_url)


def files_in(folder: Path) -> list[str]:
    """Every file below the folder."""
    return [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()]


def at_s3(address: str, bucket: str, prefix: str = "pictures/") -> S3Blobs:
    """The store that keeps pictures in the bucket."""
    return S3Blobs(bucket, endpoint_url=address, key_id="key", secret="s3cret", prefix=prefix)


@pytest.fixture(params=["disk", "cloudinary", "s3"])
def store(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    cloud: httpx.AsyncClient,
    sandbox: Config,
    s3_server: str,
    bucket: Any,
) -> tuple[Blobs, Stored]:
    """Each store, and a way to look into it from outside."""
    if request.param == "s3":

        async def objects() -> set[str]:
            return {each.key for each in await asyncio.to_thread(lambda: list(bucket.objects.all()))}

        return at_s3(s3_server, bucket.name), objects
    if request.param == "cloudinary":

        async def uploaded() -> set[str]:
            return {asset["public_id"] for asset in (await cloud.get("/_sandbox/stored")).json()["assets"]}

        return at_cloudinary(sandbox), uploaded

    async def written() -> set[str]:
        return set(files_in(tmp_path))

    return DiskBlobs(tmp_path), written


class TestEveryStore:
    """What the gallery relies on, whichever store it has."""

    async def test_what_was_put_is_got_back(self, store: tuple[Blobs, Stored]) -> None:
        blobs, stored = store
        location = blobs.location(new_id(), "user")
        address = await blobs.put(location, io.BytesIO(PHOTO))
        assert await blobs.get(location, address) == PHOTO
        assert await stored() == {location}

    async def test_blobs_do_not_get_mixed_up(self, store: tuple[Blobs, Stored]) -> None:
        blobs, _ = store
        first, second = (blobs.location(new_id(), "user") for _ in range(2))
        assert first != second
        addresses = [await blobs.put(first, io.BytesIO(PHOTO)), await blobs.put(second, io.BytesIO(OTHER))]
        assert await blobs.get(first, addresses[0]) == PHOTO
        assert await blobs.get(second, addresses[1]) == OTHER

    async def test_putting_again_is_putting_once(self, store: tuple[Blobs, Stored]) -> None:
        blobs, stored = store
        location = blobs.location(new_id(), "outfit")
        await blobs.put(location, io.BytesIO(PHOTO))
        address = await blobs.put(location, io.BytesIO(PHOTO))
        assert await blobs.get(location, address) == PHOTO
        assert await stored() == {location}

    async def test_what_was_deleted_is_gone(self, store: tuple[Blobs, Stored]) -> None:
        blobs, stored = store
        location = blobs.location(new_id(), "generated")
        address = await blobs.put(location, io.BytesIO(PHOTO))
        await blobs.delete(location)
        assert await stored() == set()
        with pytest.raises(BlobMissing):
            await blobs.get(location, address)

    async def test_deleting_what_is_not_there_is_no_error(self, store: tuple[Blobs, Stored]) -> None:
        blobs, stored = store
        kept, other = (blobs.location(new_id(), "user") for _ in range(2))
        await blobs.put(kept, io.BytesIO(PHOTO))
        await blobs.delete(other)
        await blobs.delete(other)
        assert await stored() == {kept}

    async def test_a_file_is_stored_from_its_start(self, store: tuple[Blobs, Stored]) -> None:
        blobs, _ = store
        location = blobs.location(new_id(), "user")
        file = io.BytesIO(PHOTO)
        file.read(10)
        assert await blobs.get(location, await blobs.put(location, file)) == PHOTO

    async def test_everything_in_the_store_is_listed(
        self, store: tuple[Blobs, Stored], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        blobs, stored = store
        monkeypatch.setattr(sys.modules[type(blobs).__module__], "_LISTED_AT_ONCE", 2)
        assert await listed(blobs) == []
        for number in range(5):
            await blobs.put(blobs.location(new_id(), ("user", "outfit")[number % 2]), io.BytesIO(PHOTO))
        found = await listed(blobs)
        assert {each.location for each in found} == await stored()
        assert len(found) == 5
        assert all(abs(datetime.now(UTC) - each.stored_at) < timedelta(minutes=5) for each in found)


async def listed(blobs: Blobs) -> list[Listed]:
    """What the store says that it has."""
    return [each async for page in blobs.list() for each in page]


class TestRecent:
    """What is asked for again at once."""

    async def test_bytes_are_fetched_once_and_forgotten_when_they_are_deleted(self) -> None:
        memory = MemoryBlobs()
        stores = Stores({"memory": memory}, "memory")
        address = await stores.put("user/a", io.BytesIO(PHOTO), len(PHOTO))
        assert await stores.recent("memory", "user/a", address) == PHOTO
        memory.stored.clear()
        assert await stores.recent("memory", "user/a", address) == PHOTO
        await stores.delete("memory", "user/a")
        with pytest.raises(BlobMissing):
            await stores.recent("memory", "user/a", address)

    async def test_the_oldest_go_when_there_are_too_many_or_their_time_is_over(self) -> None:
        memory, now = MemoryBlobs(), 1000.0
        stores = Stores({"memory": memory}, "memory", clock=lambda: now)
        large = bytes(12 * 1024 * 1024)
        for name in "abc":
            address = await stores.put(name, io.BytesIO(large), len(large))
            assert await stores.recent("memory", name, address) == large
        memory.stored.clear()
        with pytest.raises(BlobMissing):
            await stores.recent("memory", "a", "memory:a")
        assert await stores.recent("memory", "c", "memory:c") == large
        now += 61
        with pytest.raises(BlobMissing):
            await stores.recent("memory", "c", "memory:c")


class TestDisk:
    """The store on this machine's disk."""

    async def test_a_file_that_cannot_be_written_leaves_nothing_half_written(self, tmp_path: Path) -> None:
        location = DiskBlobs(tmp_path).location(new_id(), "user")
        in_the_way = tmp_path / location
        in_the_way.mkdir(parents=True)
        (in_the_way / "file").write_text("x")
        with pytest.raises(StorageUnavailable):
            await DiskBlobs(tmp_path).put(location, io.BytesIO(PHOTO))
        assert files_in(tmp_path) == [f"{location}/file"]

    async def test_what_a_crash_left_half_written_is_replaced(self, tmp_path: Path) -> None:
        blobs = DiskBlobs(tmp_path)
        location = blobs.location(new_id(), "user")
        partial = (tmp_path / location).with_suffix(".partial")
        partial.parent.mkdir(parents=True)
        partial.write_bytes(OTHER * 3)
        with pytest.raises(StorageUnavailable):
            await blobs.get(location, "")
        await blobs.put(location, io.BytesIO(PHOTO))
        assert await blobs.get(location, "") == PHOTO
        assert not partial.exists()

    async def test_a_deleted_blob_takes_its_half_written_file_along(self, tmp_path: Path) -> None:
        blobs = DiskBlobs(tmp_path)
        location = blobs.location(new_id(), "user")
        partial = (tmp_path / location).with_suffix(".partial")
        partial.parent.mkdir(parents=True)
        partial.write_bytes(PHOTO[:100])
        await blobs.delete(location)
        assert not partial.exists()

    async def test_a_new_folder_is_on_the_disk_before_its_blob_is_acknowledged(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        synced: set[str] = set()
        fsync = os.fsync

        def noted(handle: int) -> None:
            synced.add(str(Path(f"/proc/self/fd/{handle}").readlink()).removesuffix(".partial"))
            fsync(handle)

        monkeypatch.setattr(os, "fsync", noted)
        blobs = DiskBlobs(tmp_path / "blobs")
        location = blobs.location(new_id(), "user")
        await blobs.put(location, io.BytesIO(PHOTO))
        file = tmp_path / "blobs" / location
        assert synced >= {str(each) for each in (file, file.parent, file.parents[1], file.parents[2], tmp_path)}

    async def test_only_the_services_own_user_may_look_into_the_folder_of_a_blob(self, tmp_path: Path) -> None:
        blobs = DiskBlobs(tmp_path)
        location = blobs.location(new_id(), "user")
        await blobs.put(location, io.BytesIO(PHOTO))
        assert (tmp_path / location).parent.stat().st_mode & 0o077 == 0


RETRIED = ["server_error", "unavailable", "bad_gateway", "cut"]
LIMITED = ["rate_limited", "too_many_requests"]
FINAL = ["bad_request", "unauthorized", "not_allowed", "not_found", "conflict"]


class TestCloudinary:
    """The store at Cloudinary."""

    async def calls(self, cloud: httpx.AsyncClient) -> int:
        return len((await cloud.get("/_sandbox/calls")).json()["calls"])

    async def fail(self, cloud: httpx.AsyncClient, how: str, **fault: object) -> None:
        (await cloud.put("/_sandbox/knobs", json={"fail": {"how": how, **fault}})).raise_for_status()

    async def test_pictures_are_stored_so_that_only_signed_urls_show_them(
        self, cloud: httpx.AsyncClient, sandbox: Config
    ) -> None:
        location = at_cloudinary(sandbox).location(new_id(), "user")
        address = await at_cloudinary(sandbox).put(location, io.BytesIO(PHOTO))
        (asset,) = (await cloud.get("/_sandbox/stored")).json()["assets"]
        assert (asset["type"], asset["folder"]) == ("authenticated", "virtual-tryon/user")
        unsigned = "/".join(part for part in address.split("/") if not part.startswith("s--"))
        assert (await cloud.get(unsigned)).status_code == 401

    @pytest.mark.parametrize("how", RETRIED)
    async def test_a_passing_fault_is_tried_again(self, cloud: httpx.AsyncClient, sandbox: Config, how: str) -> None:
        blobs = at_cloudinary(sandbox)
        location = blobs.location(new_id(), "user")
        await self.fail(cloud, how)
        address = await blobs.put(location, io.BytesIO(PHOTO))
        assert await blobs.get(location, address) == PHOTO
        assert await self.calls(cloud) == 3

    async def test_reading_and_deleting_are_tried_again_too(self, cloud: httpx.AsyncClient, sandbox: Config) -> None:
        blobs = at_cloudinary(sandbox)
        location = blobs.location(new_id(), "user")
        address = await blobs.put(location, io.BytesIO(PHOTO))
        await self.fail(cloud, "cut", on="delivery")
        assert await blobs.get(location, address) == PHOTO
        await self.fail(cloud, "bad_gateway", on="destroy")
        await blobs.delete(location)
        assert (await cloud.get("/_sandbox/stored")).json() == {"assets": []}
        assert await self.calls(cloud) == 5

    async def test_an_upload_whose_answer_was_lost_is_stored_once(
        self, cloud: httpx.AsyncClient, sandbox: Config
    ) -> None:
        blobs = at_cloudinary(sandbox)
        location = blobs.location(new_id(), "user")
        await self.fail(cloud, "cut", after=True)
        address = await blobs.put(location, io.BytesIO(PHOTO))
        assert await blobs.get(location, address) == PHOTO
        assert len((await cloud.get("/_sandbox/stored")).json()["assets"]) == 1

    async def test_a_lasting_fault_is_given_up(self, cloud: httpx.AsyncClient, sandbox: Config) -> None:
        await self.fail(cloud, "unavailable", count=100)
        with pytest.raises(StorageUnavailable, match="Images cannot be stored right now"):
            await at_cloudinary(sandbox).put("virtual-tryon/user/x", io.BytesIO(PHOTO))
        assert await self.calls(cloud) == 3

    @pytest.mark.parametrize("how", FINAL)
    async def test_a_refusal_is_not_tried_again(self, cloud: httpx.AsyncClient, sandbox: Config, how: str) -> None:
        await self.fail(cloud, how, count=100)
        with pytest.raises(StorageUnavailable):
            await at_cloudinary(sandbox).put("virtual-tryon/user/x", io.BytesIO(PHOTO))
        assert await self.calls(cloud) == 1

    @pytest.mark.parametrize("how", LIMITED)
    async def test_a_limited_rate_is_left_alone_until_its_hour_is_over(
        self, cloud: httpx.AsyncClient, sandbox: Config, how: str
    ) -> None:
        blobs = at_cloudinary(sandbox)
        await self.fail(cloud, how)
        for _ in range(2):
            with pytest.raises(StorageUnavailable) as raised:
                await blobs.put("virtual-tryon/user/x", io.BytesIO(PHOTO))
            assert raised.value.retry_after is not None
            assert 0 < raised.value.retry_after <= 3600
        assert await self.calls(cloud) == 1

    async def test_what_is_not_there_is_not_asked_for_again(self, cloud: httpx.AsyncClient, sandbox: Config) -> None:
        blobs = at_cloudinary(sandbox)
        location = blobs.location(new_id(), "user")
        address = await blobs.put(location, io.BytesIO(PHOTO))
        for how, kind in (("not_found", BlobMissing), ("unauthorized", StorageUnavailable)):
            before = await self.calls(cloud)
            await self.fail(cloud, how, on="delivery", count=9)
            with pytest.raises(StorageUnavailable) as raised:
                await blobs.get(location, address)
            assert type(raised.value) is kind
            assert await self.calls(cloud) == before + 1

    async def test_a_smaller_copy_is_made_there(self, cloud: httpx.AsyncClient, sandbox: Config) -> None:
        blobs = at_cloudinary(sandbox)
        location = blobs.location(new_id(), "user")
        address = await blobs.put(location, io.BytesIO(plain(size=(800, 400))))
        for content_type, kind in (("image/webp", "WEBP"), ("image/avif", "AVIF"), ("image/jpeg", "JPEG")):
            copy = decoded(await blobs.scaled(location, address, 320, content_type))
            assert (copy.format, copy.size) == (kind, (320, 160))
        await blobs.delete(location)
        with pytest.raises(BlobMissing):
            await blobs.scaled(location, address, 320, "image/webp")

    async def test_a_wrong_secret_is_a_store_that_does_not_answer(
        self, cloud: httpx.AsyncClient, sandbox: Config
    ) -> None:
        with pytest.raises(StorageUnavailable):
            await at_cloudinary(sandbox, secret="other").put("virtual-tryon/user/x", io.BytesIO(PHOTO))
        assert (await cloud.get("/_sandbox/stored")).json() == {"assets": []}

    async def test_nobody_listening_is_a_store_that_does_not_answer(self, sandbox: Config) -> None:
        blobs = CloudinaryBlobs(sandbox.cloudinary_url, "http://127.0.0.1:9")
        with pytest.raises(StorageUnavailable):
            await blobs.delete("virtual-tryon/user/x")

    async def test_no_error_shows_the_secret(self, cloud: httpx.AsyncClient, sandbox: Config) -> None:
        await self.fail(cloud, "unauthorized")
        with pytest.raises(StorageUnavailable) as raised:
            await at_cloudinary(sandbox).put("virtual-tryon/user/x", io.BytesIO(PHOTO))
        assert sandbox.api_secret not in repr(raised.value) + repr(raised.value.__cause__)


class TestS3:
    """The store in a bucket."""

    async def test_a_bucket_may_be_shared(self, s3_server: str, bucket: Any) -> None:
        first, second = at_s3(s3_server, bucket.name, "one/"), at_s3(s3_server, bucket.name, "two/")
        await first.put(first.location(new_id(), "user"), io.BytesIO(PHOTO))
        assert len(await listed(first)) == 1
        assert await listed(second) == []

    async def test_a_bucket_that_is_not_there_is_a_store_that_does_not_answer(self, s3_server: str) -> None:
        blobs = at_s3(s3_server, "nobody-made-this")
        for call in (blobs.put("x", io.BytesIO(PHOTO)), blobs.get("x", ""), blobs.delete("x"), listed(blobs)):
            with pytest.raises(StorageUnavailable) as raised:
                await call
            assert not isinstance(raised.value, BlobMissing)

    async def test_nobody_listening_is_a_store_that_does_not_answer(self) -> None:
        with pytest.raises(StorageUnavailable, match="Images cannot be stored right now"):
            await at_s3("http://127.0.0.1:9", "any").put("x", io.BytesIO(PHOTO))

    async def test_a_store_that_hangs_is_given_up(
        self, s3_server: str, bucket: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("services.media.s3_blobs._DEADLINE_SECONDS", 0.2)
        with socket.create_server(("127.0.0.1", 0)) as silent:
            blobs = at_s3(f"http://127.0.0.1:{silent.getsockname()[1]}", "any")
            with pytest.raises(StorageUnavailable):
                await blobs.get("x", "")

    async def test_no_error_shows_the_secret(self) -> None:
        with pytest.raises(StorageUnavailable) as raised:
            await at_s3("http://127.0.0.1:9", "any").get("x", "")
        assert "s3cret" not in repr(raised.value) + repr(raised.value.__cause__)
