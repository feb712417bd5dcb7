"""What a sandbox is told when it starts."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..command import is_loopback

WEBHOOK_SECRET = "whsec_c2FuZGJveA=="  # noqa: S105 - of nobody's account
PREFIX = "ENGINES_SANDBOX_"
"""Of the variables that set its options."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Settings of one sandbox; it listens on loopback addresses only, unless `allow_remote` is set."""

    host: str = "127.0.0.1"
    port: int = 4243
    public_url: str | None = None
    """Base of the addresses it gives out; the bound address when absent."""
    api_key: str = "sandbox"
    """The one key that FASHN's, fal's and Replicate's API accept."""
    webhook_secret: str = WEBHOOK_SECRET
    """What Replicate's webhooks are signed with."""
    painter: str = "instant"
    """`local` makes real pictures with Drape's own engine; `instant` pastes the garment on."""
    model_dir: Path = Path(".cache/models")
    """Where the models of that engine are."""
    allow_remote: bool = False
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        if self.painter not in ("instant", "local"):
            raise ValueError(f"The painter {self.painter} is neither instant nor local.")
        if not self.allow_remote and not is_loopback(self.host):
            raise ValueError(f"The host {self.host} is not loopback; pass --allow-remote if it is meant.")

    @property
    def base_url(self) -> str:
        """The address of this sandbox, without a trailing slash."""
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")
