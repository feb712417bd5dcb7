"""What a sandbox is told when it starts."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from ..command import is_loopback

API_VERSION = "2026-10-28.endive"
PREFIX = "STRIPE_SANDBOX_"
"""Of the variables that set its options."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Settings of one sandbox; only loopback addresses pass unless `allow_remote` is set."""

    host: str = "127.0.0.1"
    port: int = 4242
    public_url: str | None = None
    """Base of the hosted pages' addresses; the bound address when absent."""
    secret_key: str | None = None
    """The one key that is accepted; any `sk_test_`/`rk_test_` key when absent."""
    webhook_url: str | None = None
    webhook_secret: str = "whsec_sandbox"  # noqa: S105 - a stand-in's default, not a secret
    webhook_events: tuple[str, ...] = ("*",)
    state: Path | None = None
    retry_base_ms: int = 1000
    allow_remote: bool = False
    clock: Callable[[], float] = time.time

    def __post_init__(self) -> None:
        if self.webhook_url and not self.webhook_url.startswith(("http://", "https://")):
            raise ValueError(f"The webhook URL {self.webhook_url} is not an HTTP address.")
        if self.allow_remote:
            return
        for name, host in (("host", self.host), ("webhook URL", urlsplit(self.webhook_url or "").hostname)):
            if host is not None and not is_loopback(host):
                raise ValueError(f"The {name} {host} is not loopback; pass --allow-remote if it is meant.")

    @property
    def base_url(self) -> str:
        """The address at which a browser reaches the hosted pages, without a trailing slash."""
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")
