"""An answer that is an error, before a provider puts it in its own words."""

from __future__ import annotations


class ApiError(Exception):
    """`name` is the provider's own name of what went wrong."""

    def __init__(self, status: int, name: str, message: str, retry_after: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.name = name
        self.message = message
        self.retry_after = retry_after


class BadKnob(ValueError):
    """A knob that does not exist, or a value it does not take."""
