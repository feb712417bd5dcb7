"""Where the bytes of pictures are kept. Two stores behind one protocol: this machine's disk, and Cloudinary."""

import asyncio
import os
from pathlib import Path
from typing import Protocol

from services.media.errors import StorageUnavailable


class Blobs(Protocol):
    """Keeps bytes at locations that are never used twice. Every call is safe to repeat."""

    def location(self, blob_id: str, kind: str) -> str:
        """Where the bytes will be kept; known before they are, so that they can be found after a crash."""

    async def put(self, location: str, data: bytes) -> str:
        """Stores the bytes for good and returns the address to read them from."""

    async def get(self, location: str, address: str) -> bytes:
        """The bytes. Raises StorageUnavailable when they cannot be had."""

    async def delete(self, location: str) -> None:
        """Deletes the bytes, if they are there."""


class DiskBlobs:
    """Files under one folder."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def location(self, blob_id: str, kind: str) -> str:
        """Folders by the id's last characters: the first ones are the time, and alike."""
        return f"{blob_id[-2:]}/{blob_id[-4:-2]}/{blob_id}"

    async def put(self, location: str, data: bytes) -> str:
        """Writes the file whole or not at all, also when the machine stops half-way."""
        try:
            await asyncio.to_thread(_write, self._root / location, data)
        except OSError as error:
            raise StorageUnavailable("Images cannot be stored right now. Please try again later.") from error
        return ""

    async def get(self, location: str, address: str) -> bytes:
        """Reads the file."""
        try:
            return await asyncio.to_thread((self._root / location).read_bytes)
        except OSError as error:
            raise StorageUnavailable("The image cannot be read right now. Please try again later.") from error

    async def delete(self, location: str) -> None:
        """Removes the file, and what a crash may have left of it."""
        path = self._root / location
        for each in (path, _partial(path)):
            await asyncio.to_thread(each.unlink, missing_ok=True)


def _partial(path: Path) -> Path:
    return path.with_suffix(".partial")


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = _partial(path)
    try:
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
