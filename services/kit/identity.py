"""Who is calling: users by access tokens of the auth service, services by one-minute tokens of their own keys."""

import asyncio
import base64
import contextlib
import itertools
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie

import jwt
from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from services.kit.errors import ServiceError, Unauthenticated, Unavailable
from services.kit.revocation import RevokedSessions
from services.kit.shared import Kept, Shared

AUDIENCE = "drape"
ACCESS_COOKIE = "access_token"
FRONTEND_COOKIE = "token"
ACCESS_TYPE = "at+jwt"  # RFC 9068
SERVICE_TYPE = "service+jwt"
SERVICE_TOKEN_SECONDS = 60
_REUSED_SECONDS = 30
_REFETCH_SECONDS = 5
_CLOCK_SKEW_SECONDS = 5
_WATCH_SECONDS = 1.0
_KEYS_EVERY = 15
"""Of so many looks at the list, one is at the keys too."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Caller:
    """The user a call is made by or for; `session_id` is empty and `service` set when a service makes it."""

    user_id: str
    session_id: str = ""
    service: str = ""


_caller: ContextVar[Caller | None] = ContextVar("caller", default=None)


def set_caller(caller: Caller | None) -> None:
    """Remembers the caller for the RPC that is being served."""
    _caller.set(caller)


def caller_or_none() -> Caller | None:
    """The caller of the RPC that is being served, which a public one may not have."""
    return _caller.get()


def caller(_context: object) -> Caller:
    """The caller of the RPC that is being served. Raises Unauthenticated when there is none."""
    if (found := caller_or_none()) is None:
        raise Unauthenticated("Authentication required")
    return found


KeyFetcher = Callable[[], Awaitable[Mapping[str, Ed25519PublicKey]]]


class UserTokens:
    """Checks access tokens against the auth service's public keys and its list of sessions that have ended.

    Keys are fetched when an unknown one is named, and by `watch` now and then, so that a retired one is forgotten.
    """

    def __init__(
        self,
        fetch: KeyFetcher,
        issuer: str,
        refetch_seconds: float = _REFETCH_SECONDS,
        revoked: RevokedSessions | None = None,
    ) -> None:
        self._fetch = fetch
        self._issuer = issuer
        self._refetch_seconds = refetch_seconds
        self._revoked = revoked
        self._keys: Mapping[str, Ed25519PublicKey] = {}
        self._good: Kept[str, Caller] = Kept()
        self._fetched = float("-inf")
        self._refetch = Shared(self._fetch_keys)

    async def first_valid(self, tokens: Iterable[str]) -> Caller | None:
        """The caller named by the first token that is good, whatever the others are; None when none is.

        Raises Unavailable when none is and the keys for one of them could not be fetched.
        """
        unavailable: Unavailable | None = None
        for token in tokens:
            try:
                if found := await self._verify(token):
                    return found
            except Unavailable as error:
                unavailable = error
        if unavailable:
            raise unavailable
        return None

    def has_ended(self, found: Caller) -> bool:
        """Whether the caller's session is known to have ended."""
        return self._revoked is not None and bool(found.session_id) and found.session_id in self._revoked

    async def watch(self, stop: asyncio.Event) -> None:
        """Keeps the list and the keys fresh until `stop`; runs beside the server."""
        beats = itertools.count(1)
        while not stop.is_set():
            try:
                await self._update(with_keys=next(beats) % _KEYS_EVERY == 0)
            except (ServiceError, OSError):
                log.warning("the auth service does not tell which sessions have ended")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), _WATCH_SECONDS)

    async def _update(self, *, with_keys: bool) -> None:
        if self._revoked is not None:
            await self._revoked.update()
        if with_keys and self._keys:
            await self._fetch_keys()

    async def _verify(self, token: str) -> Caller | None:
        if (found := await self._signed(token)) is None:
            return None
        if self._revoked is not None:
            await self._revoked.ready()
        return None if self.has_ended(found) else found

    async def _signed(self, token: str) -> Caller | None:
        if found := self._good.get(token):
            return found
        try:
            header = jwt.get_unverified_header(token)
            if header.get("typ") != ACCESS_TYPE or not (key := await self._key(str(header.get("kid")))):
                return None
            claims = jwt.decode(
                token,
                key,
                algorithms=["EdDSA"],
                audience=AUDIENCE,
                issuer=self._issuer,
                leeway=_CLOCK_SKEW_SECONDS,
                options={"require": ["exp", "iat", "sub", "sid"]},
            )
        except jwt.PyJWTError:
            return None
        found = Caller(user_id=str(claims["sub"]), session_id=str(claims["sid"]))
        self._good.put(token, found, int(claims["exp"]) + _CLOCK_SKEW_SECONDS)
        return found

    async def _key(self, kid: str) -> Ed25519PublicKey | None:
        # Tokens with invented key ids must not become a flood of fetches.
        if kid not in self._keys and time.monotonic() - self._fetched > self._refetch_seconds:
            await self._refetch()
        return self._keys.get(kid)

    async def _fetch_keys(self) -> None:
        self._keys = await self._fetch()
        self._good.clear()  # what a retired key has signed is good no more
        self._fetched = time.monotonic()


class ServiceTokens:
    """Signs the tokens this service shows to others, and checks those that others show to it."""

    def __init__(self, name: str, private_key: str, public_keys: Mapping[str, str]) -> None:
        """Keys are 32 bytes, base64url. Raises ValueError when one is not.

        A service may have several public ones, with commas between them, while its key is exchanged for another.
        """
        self.name = name
        self._private = Ed25519PrivateKey.from_private_bytes(decode_key(private_key))
        self._public = {
            service: [Ed25519PublicKey.from_public_bytes(decode_key(key.strip())) for key in keys.split(",")]
            for service, keys in public_keys.items()
        }
        self._good: Kept[str, Caller] = Kept()
        self._signed: Kept[tuple[str, str], str] = Kept()

    def sign(self, audience: str, user_id: str) -> str:
        """A token for calls to the service `audience` on behalf of the user, good for half a minute to a whole one."""
        if token := self._signed.get((audience, user_id)):
            return token
        now = int(time.time())
        claims = {
            "iss": self.name,
            "aud": audience,
            "sub": user_id,
            "iat": now,
            "exp": now + SERVICE_TOKEN_SECONDS,
        }
        token = jwt.encode(claims, self._private, algorithm="EdDSA", headers={"typ": SERVICE_TYPE, "kid": self.name})
        self._signed.put((audience, user_id), token, now + _REUSED_SECONDS)
        return token

    def verify(self, token: str) -> Caller | None:
        """The service that calls and the user it acts for; None when the token is not good."""
        if found := self._good.get(token):
            return found
        try:
            header = jwt.get_unverified_header(token)
            issuer = str(header.get("kid"))
        except (jwt.PyJWTError, InvalidKey):
            return None
        if header.get("typ") != SERVICE_TYPE or issuer not in self._public:
            return None
        claims = next(filter(None, (self._claims(token, issuer, key) for key in self._public[issuer])), None)
        if claims is None:
            return None
        found = Caller(user_id=str(claims["sub"]), service=issuer)
        self._good.put(token, found, int(str(claims["exp"])) + _CLOCK_SKEW_SECONDS)
        return found

    def _claims(self, token: str, issuer: str, key: Ed25519PublicKey) -> dict[str, object] | None:
        try:
            claims: dict[str, object] = jwt.decode(
                token,
                key,
                algorithms=["EdDSA"],
                audience=self.name,
                issuer=issuer,
                leeway=_CLOCK_SKEW_SECONDS,
                options={"require": ["exp", "iat", "sub"]},
            )
        except (jwt.PyJWTError, InvalidKey):
            return None
        return claims


def tokens_in(metadata: Mapping[str, str]) -> list[str]:
    """Every token the request shows: the header, our cookie, the frontend's cookie."""
    cookies = read_cookies(metadata.get("cookie", ""))
    scheme, _, bearer = metadata.get("authorization", "").partition(" ")
    shown = [
        bearer.strip() if scheme.lower() == "bearer" else "",
        cookies.get(ACCESS_COOKIE),
        cookies.get(FRONTEND_COOKIE),
    ]
    return [token for token in shown if token]


def read_cookies(header: str) -> dict[str, str]:
    """The cookies of a Cookie header. One that cannot be read does not hide the others."""
    found: dict[str, str] = {}
    for part in header.split(";"):
        try:
            found.update({name: morsel.value for name, morsel in SimpleCookie(part.strip()).items()})
        except CookieError:
            continue
    return found


def decode_key(text: str) -> bytes:
    """32 bytes from base64url, with or without padding."""
    key = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if len(key) != 32:
        raise ValueError("a key must have 32 bytes")
    return key


def encode_key(key: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(key).rstrip(b"=").decode()


def public_key_of(private_key: str) -> str:
    """The public half of a private key, both base64url."""
    private = Ed25519PrivateKey.from_private_bytes(decode_key(private_key))
    return encode_key(private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))


def keys_from_jwks(keys: Iterable[tuple[str, str]]) -> dict[str, Ed25519PublicKey]:
    """Public keys by id from pairs of `kid` and `x`. Raises Unavailable when there is none."""
    if not (found := {kid: Ed25519PublicKey.from_public_bytes(decode_key(x)) for kid, x in keys}):
        raise Unavailable("The sign-in service is not ready. Please try again in a moment.")
    return found
