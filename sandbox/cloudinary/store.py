"""What was uploaded, in memory."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from .config import Config
from .signatures import sign_answer, sign_path

CONTENT_TYPES = {
    "jpg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "gif": "image/gif",
    "avif": "image/avif",
    "heic": "image/heic",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """One stored picture. `width` and `height` are in pixels."""

    asset_id: str
    public_id: str
    type: str
    """upload, private or authenticated."""
    version: int
    """When it was stored, in seconds since 1970; larger each time it is overwritten."""
    format: str
    width: int
    height: int
    data: bytes

    @property
    def etag(self) -> str:
        """MD5 of the bytes, as Cloudinary has it."""
        return hashlib.md5(self.data).hexdigest()  # noqa: S324 - Cloudinary's choice

    def url(self, config: Config) -> str:
        """Where it is delivered; signed unless everybody may see it."""
        file = f"{self.public_id}.{self.format}"
        signature = "" if self.type == "upload" else f"s--{sign_path(file, config.api_secret)}--/"
        return f"{config.base_url}/{config.cloud_name}/image/{self.type}/{signature}v{self.version}/{file}"

    def answer(self, config: Config) -> dict[str, Any]:
        """The asset as the API shows it."""
        url = self.url(config)
        return {
            "asset_id": self.asset_id,
            "public_id": self.public_id,
            "version": self.version,
            "version_id": hashlib.md5(f"{self.asset_id}{self.version}".encode()).hexdigest(),  # noqa: S324
            "signature": sign_answer(self.public_id, self.version, config.api_secret),
            "width": self.width,
            "height": self.height,
            "format": self.format,
            "resource_type": "image",
            "created_at": datetime.fromtimestamp(self.version, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "tags": [],
            "bytes": len(self.data),
            "type": self.type,
            "etag": self.etag,
            "placeholder": False,
            "url": url,
            "secure_url": url,
            "folder": self.public_id.rpartition("/")[0],
            "original_filename": "file",
            "api_key": config.api_key,
        }


class Store:
    """Assets by type and public id."""

    def __init__(self) -> None:
        self._assets: dict[tuple[str, str], Asset] = {}

    def put(self, asset: Asset) -> None:
        """Keeps an asset in place of the one with its type and public id."""
        self._assets[asset.type, asset.public_id] = asset

    def find(self, kind: str, public_id: str) -> Asset | None:
        """The asset, if there is one."""
        return self._assets.get((kind, public_id))

    def delete(self, kind: str, public_id: str) -> bool:
        """Forgets the asset; False when there is none."""
        return self._assets.pop((kind, public_id), None) is not None

    def all(self) -> list[Asset]:
        """Every asset, oldest first."""
        return list(self._assets.values())

    def clear(self) -> None:
        """Forgets everything."""
        self._assets.clear()
