"""Media and billing, in this service's words."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import grpc
from drape.billing.v1 import ledger_pb2, ledger_pb2_grpc
from drape.media.v1 import image_store_pb2, image_store_pb2_grpc, media_pb2
from google.protobuf.struct_pb2 import Struct

from services.kit.client import Peer, PeerError, open_channel
from services.kit.errors import NotFound
from services.kit.identity import ServiceTokens
from services.kit.tls import Tls
from services.tryon.errors import ImagesNotFound, InsufficientCredits

# The id is the caller's, so each of these is safe to repeat.
_MEDIA_METHODS = [
    f"drape.media.v1.ImageStoreService/{name}"
    for name in ("BatchGetImages", "ReadImage", "StoreGeneratedImage", "DeleteGeneratedImage")
]
_LEDGER_METHODS = [f"drape.billing.v1.LedgerService/{name}" for name in ("HoldCredits", "CaptureHold", "ReleaseHold")]


class HoldLost(Exception):
    """The credit that was set aside is no longer: it expired or was given back."""


@dataclass(frozen=True)
class StoredImage:
    """An image at media."""

    id: str
    type: str
    url: str
    created_at: datetime


def write_image(image: StoredImage) -> str:
    """The image as a short text."""
    return json.dumps([image.id, image.type, image.url, image.created_at.isoformat()])


def read_image(text: str) -> StoredImage:
    """What `write_image` wrote."""
    image_id, kind, url, created_at = json.loads(text)
    return StoredImage(image_id, kind, url, datetime.fromisoformat(created_at))


class Media:
    """Reads sources and stores results."""

    def __init__(self, address: str, tokens: ServiceTokens, tls: Tls | None = None) -> None:
        self._channel: grpc.aio.Channel = open_channel(address, _MEDIA_METHODS, tls)
        self._peer = Peer("media", tokens, timeout=10)
        self._stub = image_store_pb2_grpc.ImageStoreServiceStub(self._channel)

    async def find(self, user_id: str, ids: Sequence[str]) -> dict[str, StoredImage]:
        """Those of the images that exist and are the user's, by id."""
        request = image_store_pb2.BatchGetImagesRequest(ids=ids)
        answer = await self._peer.call(self._stub.BatchGetImages, request, user_id)
        return {image.id: _stored(image) for image in answer.images}

    async def read(self, user_id: str, *image_ids: str) -> list[bytes]:
        """The bytes of images. Raises ImagesNotFound."""
        found: dict[str, bytes] = {}
        try:
            # One answer has them all, unless they are very large.
            while missing := list(dict.fromkeys(image_id for image_id in image_ids if image_id not in found)):
                request = image_store_pb2.ReadImageRequest(id=missing[0], more_ids=missing[1:])
                answer = await self._peer.call(self._stub.ReadImage, request, user_id)
                found.update(zip(missing, (answer.data, *answer.more_data), strict=False))
        except PeerError as error:
            if error.code is NotFound.code:
                raise ImagesNotFound(ImagesNotFound.SENTENCE) from error
            raise
        return [found[image_id] for image_id in image_ids]

    async def store(self, user_id: str, key: str, data: bytes, metadata: dict[str, Any]) -> StoredImage:
        """Stores a result; the same key again gives the first one."""
        details = Struct()
        details.update(metadata)
        request = image_store_pb2.StoreGeneratedImageRequest(key=key, data=data, metadata=details)
        answer = await self._peer.call(self._stub.StoreGeneratedImage, request, user_id, seconds=30)
        return _stored(answer.image)

    async def delete(self, user_id: str, key: str) -> None:
        """Deletes the result that was stored under a key, if there is one."""
        request = image_store_pb2.DeleteGeneratedImageRequest(key=key)
        await self._peer.call(self._stub.DeleteGeneratedImage, request, user_id)

    async def close(self) -> None:
        """Closes the channel."""
        await self._channel.close()


class Billing:
    """Sets credits aside, spends them, gives them back."""

    def __init__(self, address: str, tokens: ServiceTokens, tls: Tls | None = None) -> None:
        self._channel: grpc.aio.Channel = open_channel(address, _LEDGER_METHODS, tls)
        self._peer = Peer("billing", tokens)
        self._stub = ledger_pb2_grpc.LedgerServiceStub(self._channel)

    async def hold(self, user_id: str, hold_id: str, amount: int, seconds: int) -> None:
        """Sets credits aside. Raises InsufficientCredits, HoldLost."""
        request = ledger_pb2.HoldCreditsRequest(hold_id=hold_id, amount=amount, ttl_seconds=seconds)
        try:
            await self._peer.call(self._stub.HoldCredits, request, user_id)
        except PeerError as error:
            if error.reason == InsufficientCredits.reason:
                raise InsufficientCredits(error.message, **error.metadata) from error
            raise _lost(error) from error

    async def capture(self, user_id: str, hold_id: str) -> int:
        """Spends what was set aside and returns what is left. Raises HoldLost."""
        try:
            request = ledger_pb2.CaptureHoldRequest(hold_id=hold_id)
            answer = await self._peer.call(self._stub.CaptureHold, request, user_id)
        except PeerError as error:
            raise _lost(error) from error
        return answer.credits

    async def release(self, user_id: str, hold_id: str) -> None:
        """Gives back what was set aside, or was going to be."""
        await self._peer.call(self._stub.ReleaseHold, ledger_pb2.ReleaseHoldRequest(hold_id=hold_id), user_id)

    async def close(self) -> None:
        """Closes the channel."""
        await self._channel.close()


def _lost(error: PeerError) -> Exception:
    gone = ("HOLD_EXPIRED", "HOLD_ALREADY_RELEASED", "HOLD_NOT_FOUND", "ACCOUNT_CLOSED")
    return HoldLost(error.reason) if error.reason in gone else error


def _stored(image: media_pb2.Image) -> StoredImage:
    return StoredImage(image.id, image.type, image.url, image.created_at.ToDatetime())
