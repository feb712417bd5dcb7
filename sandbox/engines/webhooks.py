"""Tells whoever began a run that it has ended, signed as each provider signs, or badly if the knobs say so."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

if TYPE_CHECKING:
    from .core import Run, Sandbox

WEBHOOKS = ("good", "forged", "unsigned", "stale", "future", "changed", "twice", "lost")
"""What webhooks can be like: signed with another key, without a signature, of an hour ago or ahead, with a body that
was changed after it was signed, sent twice, or never sent."""
_HOUR = 3600
_TRIES = 4
_PAUSE = 0.1
_LOOKS_EVERY = 0.005


class Signing:
    """The keys of the pretend accounts."""

    def __init__(self, replicate_secret: str) -> None:
        self.replicate_secret = replicate_secret
        self.fal_key = Ed25519PrivateKey.generate()

    def renew(self) -> None:
        """Publishes and signs with another key of fal's."""
        self.fal_key = Ed25519PrivateKey.generate()

    def published(self) -> dict[str, Any]:
        """fal's keys as it publishes them: of several kinds and times."""
        return {"keys": [{"kty": "RSA", "n": "AQAB"}, _jwk(Ed25519PrivateKey.generate()), _jwk(self.fal_key)]}

    def replicate(self, body: bytes, stamp: str, *, forged: bool) -> dict[str, str]:
        """Replicate's headers, with the signature of an older secret beside that of today's."""
        message_id = f"msg_{secrets.token_hex(8)}"
        key = base64.b64decode(self.replicate_secret.removeprefix("whsec_"))

        def sign(with_key: bytes) -> str:
            signed = hmac.digest(with_key, f"{message_id}.{stamp}.".encode() + body, "sha256")
            return "v1," + base64.b64encode(signed).decode()

        shown = [sign(b"an older secret"), *([] if forged else [sign(key)])]
        return {"webhook-id": message_id, "webhook-timestamp": stamp, "webhook-signature": " ".join(shown)}

    def fal(self, body: bytes, stamp: str, *, forged: bool) -> dict[str, str]:
        """fal's headers."""
        request_id, user_id = secrets.token_hex(8), "sandbox"
        message = "\n".join([request_id, user_id, stamp, hashlib.sha256(body).hexdigest()])
        key = Ed25519PrivateKey.generate() if forged else self.fal_key
        return {
            "x-fal-webhook-request-id": request_id,
            "x-fal-webhook-user-id": user_id,
            "x-fal-webhook-timestamp": stamp,
            "x-fal-webhook-signature": key.sign(message.encode()).hex(),
        }


async def tell(sandbox: Sandbox, run: Run, url: str, content: Callable[[], dict[str, Any]]) -> None:
    """Waits for the end of a run and sends its webhook; one that is not received is sent again a few times."""
    while sandbox.phase(run) not in ("done", "canceled"):  # noqa: ASYNC110 - it depends on the clock and the knobs
        await asyncio.sleep(_LOOKS_EVERY)
    how = sandbox.knobs.webhooks
    if how == "lost":
        return
    async with httpx.AsyncClient(trust_env=False, timeout=15) as client:
        for _ in range(2 if how == "twice" else 1):
            await _deliver(sandbox, run, client, url, json.dumps(content()).encode())


async def _deliver(sandbox: Sandbox, run: Run, client: httpx.AsyncClient, url: str, body: bytes) -> None:
    for _ in range(_TRIES):
        headers = _headers(sandbox, run, body) | {"content-type": "application/json"}
        sent = body + b" " if sandbox.knobs.webhooks == "changed" else body
        try:
            answer = await client.post(url, content=sent, headers=headers)
        except httpx.HTTPError:
            run.webhook_answers.append(0)
        else:
            run.webhook_answers.append(answer.status_code)
            if answer.is_success:
                return
        await asyncio.sleep(_PAUSE)


def _headers(sandbox: Sandbox, run: Run, body: bytes) -> dict[str, str]:
    how = sandbox.knobs.webhooks
    stamp = str(int(time.time()) + {"stale": -_HOUR, "future": _HOUR}.get(how, 0))
    sign = sandbox.signing.fal if run.provider == "fal" else sandbox.signing.replicate
    return {} if how == "unsigned" else sign(body, stamp, forged=how == "forged")


def _jwk(key: Ed25519PrivateKey) -> dict[str, str]:
    x = base64.urlsafe_b64encode(key.public_key().public_bytes_raw()).decode().rstrip("=")
    return {"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "x": x}


async def published_keys(sandbox: Sandbox, _: Request) -> Response:
    """fal's JWKS."""
    return JSONResponse(sandbox.signing.published())


async def default_secret(sandbox: Sandbox, _: Request) -> Response:
    """What Replicate signs with, for whoever has the account's key."""
    return JSONResponse({"key": sandbox.signing.replicate_secret})
