"""Ids: UUIDv7 (RFC 9562), which sort by the time they were made."""

import uuid_utils


def new_id() -> str:
    """A new id, 36 characters."""
    return str(uuid_utils.uuid7())
