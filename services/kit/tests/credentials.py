"""Keys and tokens as callers of a service have them."""

import base64
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from services.kit.identity import ACCESS_TYPE, AUDIENCE, ServiceTokens, public_key_of

ISSUER = "drape"
SERVICES = ("auth", "media", "tryon", "billing")


def new_key() -> str:
    """An Ed25519 private key, base64url."""
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b"=").decode()


@dataclass(frozen=True)
class ServiceKeys:
    """A key of each service."""

    private: dict[str, str] = field(default_factory=lambda: {name: new_key() for name in SERVICES})

    @property
    def public(self) -> dict[str, str]:
        """What every service knows of the others."""
        return {name: public_key_of(key) for name, key in self.private.items()}

    def of(self, name: str) -> ServiceTokens:
        """What the service signs and checks tokens with."""
        return ServiceTokens(name, self.private[name], self.public)


class Issuer:
    """A hand-made auth service: signs access tokens and gives out its keys, counting how often."""

    def __init__(self, kid: str = "kid-1") -> None:
        self.kid = kid
        self.key = Ed25519PrivateKey.generate()
        self.fetches = 0

    async def fetch(self) -> Mapping[str, Ed25519PublicKey]:
        """The public keys."""
        self.fetches += 1
        return {self.kid: self.key.public_key()}

    def claims(self, user_id: str, **changes: object) -> dict[str, Any]:
        """What an access token says; a change to None leaves the claim out."""
        now = int(time.time())
        said = {"iss": ISSUER, "aud": AUDIENCE, "sub": user_id, "sid": "session-1", "iat": now, "exp": now + 900}
        return {name: value for name, value in (said | changes).items() if value is not None}

    def token(self, user_id: str, *, headers: Mapping[str, Any] | None = None, **changes: object) -> str:
        """An access token, good unless claims or headers are changed."""
        header = {"kid": self.kid, "typ": ACCESS_TYPE, **(headers or {})}
        return jwt.encode(self.claims(user_id, **changes), self.key, algorithm="EdDSA", headers=header)


def bearer(token: str) -> tuple[tuple[str, str], ...]:
    """The metadata of a call with this token."""
    return (("authorization", f"Bearer {token}"),)
