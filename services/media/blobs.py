"""Where the bytes of pictures are kept: the protocol of stores, this machine's disk, and several of them."""

import asyncio
import os
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Protocol

from services.media import metrics
from services.media.errors import BlobMissing, StorageUnavailable

CANNOT_STORE = "Images cannot be stored right now. Please try again later."
CANNOT_READ = "The image cannot be read right now. Please try again later."
_LISTED_AT_ONCE = 1000
_COPIED_AT_ONCE = 64 * 1024
_KEPT_SECONDS = 60.0
_KEPT_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True)
class Listed:
    """What a store says that it keeps."""

    location: str
    stored_at: datetime


class Blobs(Protocol):
    """Keeps bytes at locations that are never used twice. Every call is safe to repeat and ends within a deadline."""

    def location(self, blob_id: str, kind: str) -> str:
        """Where the bytes will be kept; known before they are, so that they can be found after a crash."""

    async def put(self, location: str, file: BinaryIO) -> str:
        """Stores the file for good and returns the address to read it from. Raises StorageUnavailable."""

    async def get(self, location: str, address: str) -> bytes:
        """The bytes. Raises BlobMissing when there are none, StorageUnavailable when they cannot be had."""

    async def delete(self, location: str) -> None:
        """Deletes the bytes, if they are there."""

    def list(self) -> AsyncIterator[list[Listed]]:
        """Everything in the store, a part at a time."""


class Scaling(Protocol):
    """A store that can also deliver smaller copies, which go with their original."""

    async def scaled(self, location: str, address: str, width: int, content_type: str) -> bytes:
        """A copy at most so many pixels wide. Raises as `get` does."""


class Stores:
    """Stores by name: new bytes go to one of them, older ones are found in the one that their row names."""

    def __init__(self, by_name: Mapping[str, Blobs], current: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.by_name = by_name
        self.current = current
        self._clock = clock
        self._recent: OrderedDict[tuple[str, str], tuple[bytes, float]] = OrderedDict()

    def location(self, blob_id: str, kind: str) -> str:
        """Where the current store will keep a blob."""
        return self.by_name[self.current].location(blob_id, kind)

    async def put(self, location: str, file: BinaryIO, size: int) -> str:
        """Stores the file in the current store and returns its address there."""
        address = await self.by_name[self.current].put(location, file)
        metrics.stored_bytes.add(size, {"store": self.current})
        return address

    async def get(self, store: str, location: str, address: str) -> bytes:
        """The bytes. Raises as a store's own `get`."""
        return await self._named(store).get(location, address)

    async def recent(self, store: str, location: str, address: str) -> bytes:
        """As `get`, for what is asked for again at once: a photo is looked at before it is worked with."""
        key, now = (store, location), self._clock()
        while self._recent and next(iter(self._recent.values()))[1] < now:
            self._recent.popitem(last=False)
        if found := self._recent.get(key):
            return found[0]
        data = await self.get(store, location, address)
        self._recent[key] = data, now + _KEPT_SECONDS
        while sum(len(kept) for kept, _ in self._recent.values()) > _KEPT_BYTES:
            self._recent.popitem(last=False)
        return data

    async def delete(self, store: str, location: str) -> None:
        """Deletes the bytes, if they are there."""
        self._recent.pop((store, location), None)
        await self._named(store).delete(location)

    def _named(self, store: str) -> Blobs:
        if found := self.by_name.get(store):
            return found
        raise StorageUnavailable(CANNOT_READ, store=store)


class DiskBlobs:
    """Files under one folder."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def location(self, blob_id: str, kind: str) -> str:
        """Folders by the id's last characters: the first ones are the time, and alike.

        256 of them: a new one costs more than a file, and each is there soon.
        """
        return f"{blob_id[-2:]}/{blob_id}"

    async def put(self, location: str, file: BinaryIO) -> str:
        """Writes the file whole or not at all, also when the machine stops half-way."""
        try:
            await asyncio.to_thread(_write, self._root, self._root / location, file)
        except OSError as error:
            raise StorageUnavailable(CANNOT_STORE) from error
        return ""

    async def get(self, location: str, address: str) -> bytes:
        """Reads the file."""
        try:
            return await asyncio.to_thread(_read, self._root / location)
        except FileNotFoundError as error:
            raise BlobMissing(CANNOT_READ) from error
        except OSError as error:
            raise StorageUnavailable(CANNOT_READ) from error

    async def delete(self, location: str) -> None:
        """Removes the file, and what a crash may have left of it."""
        path = self._root / location
        for each in (path, _partial(path)):
            await asyncio.to_thread(each.unlink, missing_ok=True)

    async def list(self) -> AsyncIterator[list[Listed]]:
        """Walks through the folders."""
        walk = os.walk(self._root)
        while True:
            part = await asyncio.to_thread(_next_files, walk, self._root)
            if part is None:
                return
            yield part


def _partial(path: Path) -> Path:
    return path.with_suffix(".partial")


def _next_files(walk: "os._walk_Iterator", root: Path) -> list[Listed] | None:  # type: ignore[name-defined]
    found: list[Listed] = []
    for folder, _, names in walk:
        for name in names:
            path = Path(folder) / name
            try:
                written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
            except FileNotFoundError:
                continue  # deleted meanwhile
            found.append(Listed(str(path.relative_to(root)), written))
        if len(found) >= _LISTED_AT_ONCE:
            return found
    return found or None


def _write(root: Path, path: Path, file: BinaryIO) -> None:
    partial = _partial(path)
    try:
        try:
            _copy(file, partial)
        except FileNotFoundError:
            _make_folder(root, path.parent)
            _copy(file, partial)
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


# Each call of the system lets another thread of ours go on, and waits for it afterwards: so there are few of them.
def _copy(file: BinaryIO, target_path: Path) -> None:
    file.seek(0)
    target = os.open(target_path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        while part := memoryview(file.read(_COPIED_AT_ONCE)):
            while part:
                part = part[os.write(target, part) :]
        os.fsync(target)
    finally:
        os.close(target)


def _read(path: Path) -> bytes:
    file = os.open(path, os.O_RDONLY)
    try:
        parts = [os.read(file, os.fstat(file).st_size)]
        # A read may give less than was asked for; only an empty one is the end.
        while parts[-1]:
            parts.append(os.read(file, _COPIED_AT_ONCE))
        return b"".join(parts)
    finally:
        os.close(file)


def _make_folder(root: Path, folder: Path) -> None:
    """Makes the folder for good: a new name is on the disk only once the folder that holds it is."""
    own = [each for each in (folder, *folder.parents) if each.is_relative_to(root)]
    missing = [each for each in own if not each.exists()]
    root.parent.mkdir(parents=True, exist_ok=True)
    for each in reversed(missing):
        each.mkdir(exist_ok=True, mode=0o700)
        _sync_folder(each.parent)


def _sync_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
