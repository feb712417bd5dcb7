"""`/<cloud>/image/<type>/…`: what was stored, or a copy of it, to whoever has the right URL."""

from __future__ import annotations

import io
import re

from PIL import Image
from starlette.responses import Response

from .config import Config
from .errors import AuthorizationRequired, BadRequest, NotFound
from .signatures import is_path_signed
from .store import CONTENT_TYPES, Asset, Store

_PATH = re.compile(
    r"^(?:s--(?P<signature>[\w-]+)--/)?(?P<change>(?:[a-z]{1,3}_[\w:.]+)(?:,[a-z]{1,3}_[\w:.]+)*/)?(?:v\d+/)?(?P<file>.+)$"
)
_FORMATS = {"jpg": "JPEG", "png": "PNG", "webp": "WEBP", "avif": "AVIF"}


def deliver(config: Config, store: Store, cloud: str, kind: str, path: str) -> Response:
    """The picture. Raises AuthorizationRequired, NotFound, BadRequest."""
    match = _PATH.match(path)
    if cloud != config.cloud_name or match is None:
        raise NotFound(f"Resource not found - {path}")
    file, change = match["file"], match["change"] or ""
    if kind != "upload" and not is_path_signed(change + file, match["signature"] or "", config.api_secret):
        raise AuthorizationRequired(f"Signature mismatch - {file}")
    stem, _, extension = file.rpartition(".")
    asset = store.find(kind, stem)
    if asset is None or (asset.format != extension and not change):
        raise NotFound(f"Resource not found - {file}")
    data = _changed(asset, change.rstrip("/"), extension) if change else asset.data
    headers = {"etag": f'"{asset.etag}"', "cache-control": "private, no-transform, immutable, max-age=2592000"}
    return Response(data, headers=headers, media_type=CONTENT_TYPES[extension])


def _changed(asset: Asset, change: str, extension: str) -> bytes:
    """A smaller copy: `c_limit` with a width is all that this stand-in can do."""
    options = dict(part.split("_", 1) for part in change.split(","))
    if options.pop("c", "") != "limit" or extension not in _FORMATS or options.keys() - {"w", "q"}:
        raise BadRequest(f"Invalid transformation {change}")
    with Image.open(io.BytesIO(asset.data)) as image:
        small = image.convert("RGB" if extension == "jpg" else "RGBA")
    width = min(int(options["w"]), small.width)
    small = small.resize((width, max(1, round(small.height * width / small.width))))
    out = io.BytesIO()
    small.save(out, _FORMATS[extension])
    return out.getvalue()
