"""The Ed25519 keys that access tokens are signed with."""

import base64
import hashlib
import time
from collections.abc import Mapping
from datetime import UTC, datetime

import jwt
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from sqlalchemy import insert, select, text
from sqlmodel import col

from services.auth.models import SigningKey
from services.kit.database import Database
from services.kit.identity import ACCESS_TYPE, AUDIENCE, encode_key
from services.kit.ids import new_id


class Keys:
    """Signs access tokens. Loaded once; the first replica to start makes the first key."""

    def __init__(self, database: Database, secret: str, issuer: str, lifetime_seconds: int) -> None:
        self._database = database
        self._box = Fernet(base64.urlsafe_b64encode(hashlib.sha256(secret.encode()).digest()))
        self._issuer = issuer
        self._lifetime = lifetime_seconds
        self._keys: dict[str, Ed25519PrivateKey] = {}

    @property
    def lifetime_seconds(self) -> int:
        """How long an access token is good."""
        return self._lifetime

    async def load(self) -> None:
        """Reads the keys, making one if there is none. Raises cryptography's InvalidToken under a wrong secret."""
        async with self._database.transaction() as connection:
            await connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('auth.signing_keys'))"))
            rows = (await connection.execute(select(SigningKey).order_by(col(SigningKey.kid)))).all()
            if not rows:
                key = Ed25519PrivateKey.generate()
                kid = new_id()
                sealed = self._box.encrypt(key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption()))
                row = {"kid": kid, "private_key": sealed, "created_at": datetime.now(UTC)}
                await connection.execute(insert(SigningKey).values(row))
                self._keys = {kid: key}
            else:
                self._keys = {
                    row.kid: Ed25519PrivateKey.from_private_bytes(self._box.decrypt(row.private_key)) for row in rows
                }

    def public(self) -> Mapping[str, Ed25519PublicKey]:
        """The public keys by id."""
        return {kid: key.public_key() for kid, key in self._keys.items()}

    def jwks(self) -> list[tuple[str, str]]:
        """Pairs of `kid` and `x`, the public key in base64url."""
        return [
            (kid, encode_key(key.public_bytes(Encoding.Raw, PublicFormat.Raw))) for kid, key in self.public().items()
        ]

    def access_token(self, user_id: str, session_id: str) -> str:
        """A signed access token (RFC 9068) for the session."""
        now = int(time.time())
        claims = {
            "iss": self._issuer,
            "aud": AUDIENCE,
            "sub": user_id,
            "sid": session_id,
            "iat": now,
            "exp": now + self._lifetime,
            "jti": new_id(),
        }
        kid, key = list(self._keys.items())[-1]
        return jwt.encode(claims, key, algorithm="EdDSA", headers={"kid": kid, "typ": ACCESS_TYPE})
