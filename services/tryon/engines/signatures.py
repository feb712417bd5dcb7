"""What providers sign their webhooks with, and how it is checked. Those that sign nothing are not listened to."""

import asyncio
import base64
import hashlib
import hmac
import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from services.tryon.engines.base import EngineFailed, TryAgain
from services.tryon.engines.http import ProviderHttp

TOLERANCE_SECONDS = 300
"""How old a signature may be, or how far in the future: both providers' own advice."""
# fal's keys: asked for again after an hour, a minute where a signature fits none of them, seconds where there are none.
_KEEP_SECONDS, _UNKNOWN_SECONDS, _AGAIN_SECONDS = 3600, 60, 5
_FETCH_SECONDS = 10

log = logging.getLogger(__name__)

Headers = Mapping[str, str]


class Sender(ABC):
    """A provider whose webhooks are signed."""

    time_header: str
    run_field: str
    """The body's field that names the run."""

    def is_fresh(self, headers: Headers) -> bool:
        """Whether it says to be signed of late, which costs nothing to find out."""
        stamp = headers.get(self.time_header, "")
        if not (stamp.isascii() and stamp.isdigit() and len(stamp) < 15):
            return False
        return abs(time.time() - int(stamp)) <= TOLERANCE_SECONDS

    @abstractmethod
    async def is_signed(self, headers: Headers, body: bytes) -> bool:
        """Whether the provider itself has signed this. Raises TryAgain when its keys are not to be had."""


class ReplicateSender(Sender):
    """Standard Webhooks: HMAC-SHA256 with the account's secret over id, time and body."""

    time_header = "webhook-timestamp"
    run_field = "id"

    def __init__(self, secret: str) -> None:
        """The secret as Replicate tells it, `whsec_` and base64. Raises ValueError."""
        try:
            self._key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        except ValueError as error:
            raise ValueError("it is not whsec_ and base64") from error

    async def is_signed(self, headers: Headers, body: bytes) -> bool:
        """Whether one of the signatures is right: there are several while a secret is exchanged."""
        named = f"{headers.get('webhook-id', '')}.{headers.get(self.time_header, '')}."
        wanted = b"v1," + base64.b64encode(hmac.digest(self._key, named.encode() + body, "sha256"))
        shown = headers.get("webhook-signature", "").split()
        return any(hmac.compare_digest(wanted, one.encode()) for one in shown)


class FalSender(Sender):
    """Ed25519 with one of the keys that fal publishes, over request, account, time and the body's SHA-256."""

    time_header = "x-fal-webhook-timestamp"
    run_field = "request_id"

    def __init__(self, http: ProviderHttp, keys_url: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._http = http
        self._clock = clock
        self._url = keys_url
        self._keys: list[Ed25519PublicKey] = []
        self._asked = float("-inf")
        self._turn = asyncio.Lock()

    async def is_signed(self, headers: Headers, body: bytes) -> bool:
        """Whether one of their keys fits; they are fetched again when none does, for there may be a new one."""
        names = ("x-fal-webhook-request-id", "x-fal-webhook-user-id", self.time_header)
        message = "\n".join([*(headers.get(name, "") for name in names), hashlib.sha256(body).hexdigest()]).encode()
        try:
            signature = bytes.fromhex(headers.get("x-fal-webhook-signature", ""))
        except ValueError:
            return False
        await self._fetch(_KEEP_SECONDS)
        if self._fits(signature, message):
            return True
        # Not for each forgery: it would be a way to have us send requests.
        await self._fetch(_UNKNOWN_SECONDS)
        return self._fits(signature, message)

    def _fits(self, signature: bytes, message: bytes) -> bool:
        for key in self._keys:
            try:
                key.verify(signature, message)
            except InvalidSignature:
                continue
            return True
        return False

    async def _fetch(self, older_than: float) -> None:
        """Has keys that were asked for no longer ago than that. Raises TryAgain when there are none."""
        async with self._turn:
            if self._clock() - self._asked > (older_than if self._keys else _AGAIN_SECONDS):
                self._asked = self._clock()
                try:
                    self._keys = await self._published() or self._keys
                except (EngineFailed, TimeoutError) as error:
                    log.warning("fal's keys are not to be had", extra={"error": repr(error)})
        if not self._keys:
            raise TryAgain("no keys")

    async def _published(self) -> list[Ed25519PublicKey]:
        async with asyncio.timeout(_FETCH_SECONDS):
            answer = await self._http.json("GET", self._url, {})
        if not answer.ok:
            raise answer.refusal()
        found = answer.data.get("keys")
        return [key for item in (found if isinstance(found, list) else []) if (key := _key(item))]


def _key(item: Any) -> Ed25519PublicKey | None:
    """A JSON Web Key as what it is; None for one of another kind."""
    text = item.get("x") if isinstance(item, dict) and item.get("crv") == "Ed25519" else None
    if not isinstance(text, str):
        return None
    try:
        return Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except ValueError:
        return None
