"""`/v1_1/<cloud>/image/upload` and `/destroy`."""

from __future__ import annotations

import base64
import binascii
import io
import json
import re
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pi_heif
from PIL import Image, UnidentifiedImageError
from starlette.datastructures import FormData, UploadFile

from .config import Config
from .errors import AuthorizationRequired, BadRequest, NotFound
from .notifications import Notification
from .signatures import is_signed, sign_notification, string_to_sign
from .store import Asset, Store

TYPES = ("upload", "private", "authenticated")
_FORMATS = {"JPEG": "jpg", "MPO": "jpg", "PNG": "png", "WEBP": "webp", "GIF": "gif", "AVIF": "avif", "HEIF": "heic"}
_LISTED_AT_ONCE = 10
_MOST_LISTED_AT_ONCE = 500
_VALID_SECONDS = 3600
pi_heif.register_heif_opener()
_FORBIDDEN = re.compile(r"[?&#\\%<>+]|^[\s/]|[\s/]$|//")


class Api:
    """The calls of one cloud, each with its signature checked first."""

    def __init__(self, config: Config, store: Store) -> None:
        self._config = config
        self._store = store
        self.notifications: list[Notification] = []
        """What is still to be told."""

    async def upload(self, cloud: str, form: FormData) -> dict[str, Any]:
        """Stores a picture and describes it."""
        params = self._checked(cloud, form)
        kind, public_id = _kind(params), _public_id(params)
        known = self._store.find(kind, public_id)
        if known and _is_off(params.get("overwrite", "1")):
            return known.answer(self._config) | {"existing": True}
        data = await self._file(form)
        width, height, image_format = _measured(data)
        if (allowed := params.get("allowed_formats")) and image_format not in allowed.split(","):
            raise BadRequest(f"Image file format {image_format} not allowed")
        now = int(self._config.clock())
        asset = Asset(
            asset_id=known.asset_id if known else secrets.token_hex(16),
            public_id=public_id,
            type=kind,
            version=max(now, known.version + 1) if known else now,
            format=image_format,
            width=width,
            height=height,
            data=data,
        )
        self._store.put(asset)
        answer = asset.answer(self._config)
        if url := params.get("notification_url"):
            self._notify(url, {"notification_type": "upload", **answer})
        return answer | ({"overwritten": True} if known else {})

    async def destroy(self, cloud: str, form: FormData) -> dict[str, Any]:
        """Deletes a picture; one that is not there is no error."""
        params = self._checked(cloud, form)
        if not (public_id := params.get("public_id")):
            raise BadRequest("Missing required parameter - public_id")
        return {"result": "ok" if self._store.delete(_kind(params), public_id) else "not found"}

    def download(self, cloud: str, query: Mapping[str, str]) -> Asset:
        """The picture as it was uploaded, to whoever has a signed URL of the API."""
        params = self._signed(cloud, dict(query))
        if asset := self._store.find(_kind(params), params.get("public_id", "")):
            return asset
        raise NotFound(f"Resource not found - {params.get('public_id', '')}")

    def resources(self, cloud: str, kind: str, query: Mapping[str, str], authorization: str) -> dict[str, Any]:
        """Lists pictures of the admin API, a page at a time."""
        wanted = base64.b64encode(f"{self._config.api_key}:{self._config.api_secret}".encode()).decode()
        if cloud != self._config.cloud_name or authorization != f"Basic {wanted}":
            raise AuthorizationRequired("Invalid credentials")
        size = min(int(query.get("max_results", _LISTED_AT_ONCE)), _MOST_LISTED_AT_ONCE)
        named = [a for a in self._store.all() if a.type == kind and a.public_id.startswith(query.get("prefix", ""))]
        start = int(query.get("next_cursor", "0"))
        more = {"next_cursor": str(start + size)} if start + size < len(named) else {}
        return {"resources": [asset.answer(self._config) for asset in named[start : start + size]], **more}

    def _notify(self, url: str, told: dict[str, Any]) -> None:
        body, timestamp = json.dumps(told), str(int(self._config.clock()))
        signature = sign_notification(body, timestamp, self._config.api_secret)
        self.notifications.append(Notification(url, body, timestamp, signature))

    def _checked(self, cloud: str, form: FormData) -> dict[str, str]:
        """The parameters, if the key's owner has signed them within the last hour."""
        return self._signed(cloud, _params(form))

    def _signed(self, cloud: str, params: dict[str, str]) -> dict[str, str]:
        if cloud != self._config.cloud_name:
            raise AuthorizationRequired(f"Invalid cloud_name {cloud}")
        if "signature" not in params:
            raise BadRequest("Upload preset must be specified when using unsigned upload")
        if (key := params.get("api_key", "")) != self._config.api_key:
            raise AuthorizationRequired(f"Invalid api_key {key}")
        self._check_time(params.get("timestamp", ""))
        signature = params["signature"]
        if not is_signed(params, signature, self._config.api_secret):
            text = string_to_sign(params, 2)
            raise AuthorizationRequired(f"Invalid Signature {signature}. String to sign - '{text}'.")
        return params

    def _check_time(self, timestamp: str) -> None:
        if not (timestamp.isascii() and timestamp.isdigit()):
            raise BadRequest("Missing required parameter - timestamp")
        age = self._config.clock() - int(timestamp)
        if abs(age) > _VALID_SECONDS:
            told = datetime.fromtimestamp(min(int(timestamp), 2**33), UTC).strftime("%Y-%m-%d %H:%M:%S +0000")
            how = "more than 1 hour ago" if age > 0 else "in the future"
            raise BadRequest(f"Stale request - reported time is {told} which is {how}")

    async def _file(self, form: FormData) -> bytes:
        given = form.get("file")
        if isinstance(given, UploadFile):
            data = await given.read()
        elif given and given.startswith("data:"):
            data = _data_uri(given)
        else:
            raise BadRequest("Missing required parameter - file")
        if not data:
            raise BadRequest("Empty file")
        if len(data) > (most := self._config.max_file_bytes):
            raise BadRequest(f"File size too large. Got {len(data)}. Maximum is {most}.")
        return data


def _params(form: FormData) -> dict[str, str]:
    """Text parameters by name; a list, sent as repeated `name[]`, is signed with commas between."""
    found: dict[str, str] = {}
    for name, value in form.multi_items():
        if isinstance(value, str) and name != "file":
            plain = name.removesuffix("[]")
            found[plain] = f"{found[plain]},{value}" if plain != name and plain in found else value
    return found


def _kind(params: dict[str, str]) -> str:
    kind = params.get("type", "upload")
    if kind not in TYPES:
        raise BadRequest(f"Invalid value {kind} for parameter type")
    return kind


def _public_id(params: dict[str, str]) -> str:
    name = params.get("public_id") or secrets.token_hex(10)
    public_id = "/".join(part for part in (params.get("folder", "").strip("/"), name) if part)
    if _FORBIDDEN.search(public_id) or len(public_id) > 255:
        raise BadRequest(f"public_id ({public_id}) is invalid")
    return public_id


def _is_off(value: str) -> bool:
    return value in ("0", "false")


def _data_uri(text: str) -> bytes:
    try:
        return base64.b64decode(text.partition(",")[2], validate=True)
    except binascii.Error as error:
        raise BadRequest("Invalid data URI") from error


def _measured(data: bytes) -> tuple[int, int, str]:
    """Width, height and format, from the header alone."""
    try:
        with Image.open(io.BytesIO(data), formats=[name for name in _FORMATS if name != "MPO"]) as image:
            return image.width, image.height, _FORMATS[image.format or ""]
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise BadRequest("Invalid image file") from error
