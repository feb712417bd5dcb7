"""Waiting for what happens elsewhere, with a deadline."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def eventually(condition: Callable[[], Awaitable[T]], what: str, seconds: float = 10) -> T:
    """What the condition gives once that is true. Fails when it is not within `seconds`."""
    deadline = time.monotonic() + seconds
    while not (found := await condition()):
        assert time.monotonic() < deadline, f"Waited {seconds} s in vain for {what}."
        await asyncio.sleep(0.02)
    return found
