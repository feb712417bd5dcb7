"""`/<cloud>/image/<type>/…`: what was stored, to whoever has the right URL."""

from __future__ import annotations

import re

from starlette.responses import Response

from .config import Config
from .errors import AuthorizationRequired, NotFound
from .signatures import is_path_signed
from .store import CONTENT_TYPES, Store

_PATH = re.compile(r"^(?:s--(?P<signature>[\w-]+)--/)?(?:v\d+/)?(?P<file>.+)$")


def deliver(config: Config, store: Store, cloud: str, kind: str, path: str) -> Response:
    """The picture. Raises AuthorizationRequired, NotFound."""
    match = _PATH.match(path)
    if cloud != config.cloud_name or match is None:
        raise NotFound(f"Resource not found - {path}")
    file = match["file"]
    if kind != "upload" and not is_path_signed(file, match["signature"] or "", config.api_secret):
        raise AuthorizationRequired(f"Signature mismatch - {file}")
    stem, _, extension = file.rpartition(".")
    asset = store.find(kind, stem)
    if asset is None or asset.format != extension:
        raise NotFound(f"Resource not found - {file}")
    headers = {"etag": f'"{asset.etag}"', "cache-control": "private, no-transform, immutable, max-age=2592000"}
    return Response(asset.data, headers=headers, media_type=CONTENT_TYPES[asset.format])
