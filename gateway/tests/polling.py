"""Waiting for what comes by itself."""

import time
from collections.abc import Callable


def until(holds: Callable[[], bool], what: str, seconds: float = 20) -> None:
    """Returns once it holds. Fails when it does not in time."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not in {seconds} s: {what}"
        time.sleep(0.05)
