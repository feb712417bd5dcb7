"""A sandbox over real HTTP, and the real SDK to call it with."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import cloudinary.api
import cloudinary.uploader
import httpx
import pytest
from PIL import Image

from sandbox.cloudinary.config import Config
from sandbox.cloudinary.serving import serving


@dataclass
class Clock:
    """The sandbox's time, which a test may set."""

    now: float = 1_800_000_000

    def __call__(self) -> float:
        return self.now


@dataclass
class Cloud:
    """A running sandbox, as its users see it."""

    config: Config
    http: httpx.AsyncClient
    clock: Clock
    options: dict[str, Any] = field(default_factory=dict)

    async def upload(self, data: bytes | str, **options: Any) -> dict[str, Any]:
        """Uploads through the SDK, which signs; `timestamp` and all else can be overridden."""
        return await self._call(cloudinary.uploader.upload, data, options)

    async def destroy(self, public_id: str, **options: Any) -> dict[str, Any]:
        """Destroys through the SDK."""
        return await self._call(cloudinary.uploader.destroy, public_id, options)

    async def listed(self, **options: Any) -> dict[str, Any]:
        """Lists through the SDK's admin API."""
        return dict(await asyncio.to_thread(lambda: cloudinary.api.resources(**options)))

    async def post(self, action: str, params: dict[str, str], file: bytes | None = None) -> httpx.Response:
        """Sends parameters as they are, signed or not."""
        files = {"file": ("file", file)} if file is not None else None
        return await self.http.post(f"/v1_1/{self.config.cloud_name}/image/{action}", data=params, files=files)

    async def fail(self, how: str, **fault: Any) -> None:
        """Makes the next call fail."""
        (await self.http.put("/_sandbox/knobs", json={"fail": {"how": how, **fault}})).raise_for_status()

    async def calls(self) -> list[tuple[str, int]]:
        """Action and status of every call."""
        found = (await self.http.get("/_sandbox/calls")).json()["calls"]
        return [(call["action"], call["status"]) for call in found]

    async def _call(self, method: Any, first: Any, options: dict[str, Any]) -> dict[str, Any]:
        return dict(await asyncio.to_thread(lambda: method(first, **(self.options | options))))


@pytest.fixture(scope="session")
async def shared_cloud() -> AsyncIterator[Cloud]:
    """The one sandbox of the session, in the SDK's time until a test says otherwise."""
    clock = Clock()
    async with (
        serving(Config(clock=clock)) as config,
        httpx.AsyncClient(base_url=config.base_url, trust_env=False) as http,
    ):
        yield Cloud(config, http, clock)


@pytest.fixture
async def cloud(shared_cloud: Cloud) -> Cloud:
    """A sandbox without any picture, with every knob turned back, at the time that the SDK signs for."""
    await shared_cloud.http.post("/_sandbox/reset")
    shared_cloud.clock.now = int(cloudinary.utils.now())
    config = shared_cloud.config
    shared_cloud.options = {
        "cloud_name": config.cloud_name,
        "api_key": config.api_key,
        "api_secret": config.api_secret,
        "upload_prefix": config.base_url,
    }
    return shared_cloud


def picture(kind: str = "JPEG", size: tuple[int, int] = (80, 64)) -> bytes:
    """A picture of one colour."""
    out = io.BytesIO()
    Image.new("RGB", size, "teal").save(out, kind)
    return out.getvalue()
