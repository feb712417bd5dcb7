"""`Idempotency-Key`: one execution for one key."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from .errors import IdempotencyKeyInUse, IdempotencyMismatch, InvalidRequest
from .store import Object, Store

_KIND = "sandbox.idempotent_request"
_KEPT_S = 24 * 3600
_LONGEST_KEY = 255


class Idempotency:
    """Remembers the answers of executed POST requests for 24 hours."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._running: set[str] = set()

    def begin(self, key: str, path: str, params: dict[str, Any], now: float) -> Object | None:
        """The stored answer of this key, or None after marking the key as running.

        Raises:
            InvalidRequest: the key is longer than 255 characters.
            IdempotencyKeyInUse: the first request with this key has not ended.
            IdempotencyMismatch: the key was used with another path or other parameters.
        """
        if len(key) > _LONGEST_KEY:
            message = f"Idempotency-Key is too long (over {_LONGEST_KEY} characters)."
            raise InvalidRequest(message, code="idempotency_key_too_long")
        if key in self._running:
            raise IdempotencyKeyInUse(
                "There is currently another in-progress request using this Idempotent Key (that probably "
                "means you submitted twice, and the other request is still going through): "
                f"{key}. Please try again later."
            )
        stored = self._store.find(_KIND, key)
        if stored is None or stored["created"] < now - _KEPT_S:
            self._running.add(key)
            return None
        advice = f"Try using a key other than '{key}' if you meant to execute a different request."
        if stored["path"] != path:
            raise IdempotencyMismatch(
                "Keys for idempotent requests can only be used for the same endpoint they were first used "
                f"for ('{path}' vs '{stored['path']}'). {advice}"
            )
        if stored["fingerprint"] != _fingerprint(params):
            raise IdempotencyMismatch(
                "Keys for idempotent requests can only be used with the same parameters they were first "
                f"used with. {advice}"
            )
        return stored

    def keep(
        self,
        key: str,
        path: str,
        params: dict[str, Any],
        answer: tuple[int, Any],
        request_id: str,
        now: float,
    ) -> None:
        """Store the answer of an executed request and forget those older than a day."""
        status, body = answer
        self._store.put(
            {
                "id": key,
                "object": _KIND,
                "path": path,
                "fingerprint": _fingerprint(params),
                "status": status,
                "body": body,
                "request_id": request_id,
                "created": now,
            }
        )
        expired = [old["id"] for old in self._store.all(_KIND) if old["created"] < now - _KEPT_S]
        self._store.remove(_KIND, expired)

    def end(self, key: str) -> None:
        """Say that the request with this key has ended, however it did."""
        self._running.discard(key)


def _fingerprint(params: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(params, sort_keys=True).encode()).hexdigest()
