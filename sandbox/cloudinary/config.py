"""What a sandbox is told when it starts."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from ..command import is_loopback

PREFIX = "CLOUDINARY_SANDBOX_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Settings of one sandbox: one cloud with one key. Raises ValueError unless `host` is loopback."""

    host: str = "127.0.0.1"
    port: int = 4243
    public_url: str = ""
    """Base of the delivery URLs; the bound address when empty."""
    cloud_name: str = "sandbox"
    api_key: str = "123456789012345"
    api_secret: str = "sandbox-secret"  # noqa: S105 - a stand-in's default, not a secret
    max_file_bytes: int = 10 * 1024 * 1024
    allow_remote: bool = False
    clock: Callable[[], float] = time.time

    def __post_init__(self) -> None:
        if not self.allow_remote and not is_loopback(self.host):
            raise ValueError(f"The host {self.host} is not loopback; pass --allow-remote if it is meant.")

    @property
    def base_url(self) -> str:
        """Where what was stored is delivered, without a trailing slash."""
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")

    @property
    def cloudinary_url(self) -> str:
        """What a client's CLOUDINARY_URL is to be."""
        return f"cloudinary://{self.api_key}:{self.api_secret}@{self.cloud_name}"
