"""The two signatures: of API parameters (versions 1 and 2), and of delivery URLs."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping

UNSIGNED = frozenset({"file", "api_key", "signature", "resource_type", "cloud_name"})
"""Parameters that a signature does not cover."""
_HASHES = {40: hashlib.sha1, 64: hashlib.sha256}
_URL_HASHES = {8: hashlib.sha1, 32: hashlib.sha256}


def string_to_sign(params: Mapping[str, str], version: int) -> str:
    """The covered parameters, sorted. Version 2 escapes `&`, so that no value can pose as another parameter."""
    pairs = [f"{name}={value}" for name, value in params.items() if value and name not in UNSIGNED]
    if version >= 2:
        pairs = [pair.replace("&", "%26") for pair in pairs]
    return "&".join(sorted(pairs))


def is_signed(params: Mapping[str, str], signature: str, secret: str) -> bool:
    """Whether the signature, in SHA-1 or SHA-256, is that of version 1 or 2."""
    make = _HASHES.get(len(signature))
    if make is None:
        return False
    wanted = [make((string_to_sign(params, version) + secret).encode()).hexdigest() for version in (1, 2)]
    return any(hmac.compare_digest(each.encode(), signature.encode()) for each in wanted)


def sign_answer(public_id: str, version: int, secret: str) -> str:
    """What an answer is signed with, so that a browser cannot invent one; always of version 1."""
    text = string_to_sign({"public_id": public_id, "version": str(version)}, 1)
    return hashlib.sha1((text + secret).encode()).hexdigest()  # noqa: S324 - Cloudinary's choice


def sign_notification(body: str, timestamp: str, secret: str) -> str:
    """What a notification is signed with: its body and its time, then the secret."""
    return hashlib.sha1(f"{body}{timestamp}{secret}".encode()).hexdigest()  # noqa: S324 - Cloudinary's choice


def sign_path(path: str, secret: str, length: int = 8) -> str:
    """The signature in a delivery URL over what follows it, without the version: 8 characters, or 32 for long ones."""
    digest = _URL_HASHES[length]((path + secret).encode()).digest()
    return base64.urlsafe_b64encode(digest).decode()[:length]


def is_path_signed(path: str, signature: str, secret: str) -> bool:
    """Whether a delivery URL's signature is good."""
    if len(signature) not in _URL_HASHES:
        return False
    return hmac.compare_digest(sign_path(path, secret, len(signature)).encode(), signature.encode())
