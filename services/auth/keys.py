"""The Ed25519 keys that access tokens are signed with.

A new key is published before it signs, so that whoever checks tokens knows it in time; the one before it stays
published until the last token under it has expired. So rotating refuses nobody.
"""

import asyncio
import base64
import contextlib
import hashlib
import logging
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import jwt
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from sqlalchemy import Row, delete, insert, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import col

from services.auth import audit
from services.auth.models import SigningKey
from services.kit.database import Database, DatabaseAway
from services.kit.identity import ACCESS_TYPE, AUDIENCE, encode_key
from services.kit.ids import new_id

log = logging.getLogger(__name__)

# Beyond a token's end, for clocks that differ.
_SKEW = timedelta(seconds=10)
_RELOAD_SECONDS = 2.0


@dataclass(frozen=True)
class Rotation:
    """When keys change."""

    every: timedelta = timedelta(days=30)
    lead: timedelta = timedelta(minutes=5)
    """How long a key is published before it signs: longer than anybody keeps the public keys."""


@dataclass(frozen=True)
class _Key:
    kid: str
    private: Ed25519PrivateKey
    created_at: datetime
    active_at: datetime


class Keys:
    """Signs access tokens. The first replica to start makes the first key."""

    def __init__(
        self,
        database: Database,
        secret: str,
        issuer: str,
        lifetime_seconds: int,
        rotation: Rotation | None = None,
    ) -> None:
        self._database = database
        self._box = Fernet(base64.urlsafe_b64encode(hashlib.sha256(secret.encode()).digest()))
        self._issuer = issuer
        self._lifetime = lifetime_seconds
        self._rotation = rotation or Rotation()
        self._keys: Sequence[_Key] = ()

    async def load(self) -> None:
        """Reads the keys, making one if there is none. Raises cryptography's InvalidToken under a wrong secret."""
        async with self._locked() as connection:
            if not (keys := await self._read(connection)):
                await self._add(connection, datetime.now(UTC))
                keys = await self._read(connection)
        self._keys = keys

    async def rotate(self, actor: str = "system", lead: timedelta | None = None) -> str:
        """Adds a key that takes over after the lead, and returns its id. One that waits already is not doubled."""
        async with self._locked() as connection:
            newest = (await self._read(connection))[-1]
            if newest.active_at > datetime.now(UTC):
                return newest.kid
            kid = await self._add(connection, datetime.now(UTC) + (self._rotation.lead if lead is None else lead))
            await audit.note(connection, "keys_rotated", actor=actor)
        await self.load()
        return kid

    async def run(self, stop: asyncio.Event) -> None:
        """Follows what other replicas and the command do, and rotates when it is time, until `stop`."""
        while not stop.is_set():
            try:
                await self.load()
                if datetime.now(UTC) - self._keys[-1].created_at > self._rotation.every:
                    log.info("rotating the signing key", extra={"kid": await self.rotate()})
                await self._delete_retired()
            except (SQLAlchemyError, DatabaseAway):
                log.warning("the signing keys cannot be read right now")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), _RELOAD_SECONDS)

    def public(self) -> Mapping[str, Ed25519PublicKey]:
        """The public keys by id: of those that will sign, that sign, and that have signed a token still good."""
        retired = {key.kid for key in self._retired()}
        return {key.kid: key.private.public_key() for key in self._keys if key.kid not in retired}

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
        key = self._signing()
        return jwt.encode(claims, key.private, algorithm="EdDSA", headers={"kid": key.kid, "typ": ACCESS_TYPE})

    def _signing(self) -> _Key:
        now = datetime.now(UTC)
        active = [key for key in self._keys if key.active_at <= now]
        # None is active yet where the clock is behind that of the replica which has just made the first.
        return active[-1] if active else self._keys[0]

    def _retired(self) -> list[_Key]:
        """Keys whose successor has signed for longer than any token of theirs is good."""
        ended = datetime.now(UTC) - timedelta(seconds=max(self._lifetime, 0)) - _SKEW
        return [key for key, successor in zip(self._keys, self._keys[1:], strict=False) if successor.active_at < ended]

    @contextlib.asynccontextmanager
    async def _locked(self) -> AsyncIterator[AsyncConnection]:
        async with self._database.transaction() as connection:
            await connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('auth.signing_keys'))"))
            yield connection

    async def _read(self, connection: AsyncConnection) -> Sequence[_Key]:
        rows = (await connection.execute(select(SigningKey).order_by(col(SigningKey.kid)))).all()
        known = {key.kid: key.private for key in self._keys}
        return [_Key(row.kid, known.get(row.kid) or self._open(row), row.created_at, row.active_at) for row in rows]

    async def _add(self, connection: AsyncConnection, active_at: datetime) -> str:
        kid = new_id()
        private = Ed25519PrivateKey.generate().private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
        row = {
            "kid": kid,
            "private_key": self._box.encrypt(private),
            "created_at": datetime.now(UTC),
            "active_at": active_at,
        }
        await connection.execute(insert(SigningKey).values(row))
        return kid

    async def _delete_retired(self) -> None:
        if retired := [key.kid for key in self._retired()]:
            async with self._database.transaction() as connection:
                await connection.execute(delete(SigningKey).where(col(SigningKey.kid).in_(retired)))

    def _open(self, row: Row[SigningKey]) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self._box.decrypt(row.private_key))
