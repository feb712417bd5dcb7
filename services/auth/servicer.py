"""The RPCs of the auth service."""

from collections.abc import Iterable

import grpc
from drape.auth.v1 import auth_pb2 as pb
from drape.auth.v1 import auth_pb2_grpc
from google.protobuf.timestamp_pb2 import Timestamp

from services.auth.accounts import Account, Accounts, ProfileChange
from services.auth.cookies import REFRESH_COOKIE, Cookies
from services.auth.errors import InvalidSession
from services.auth.keys import Keys
from services.auth.peers import Peers, Standing
from services.auth.sessions import Device, Sessions
from services.kit.http import NO_STORE, metadata_of, respond
from services.kit.identity import caller, caller_or_none, read_cookies
from services.kit.rpc import Context

SERVICE = pb.DESCRIPTOR.services_by_name["AuthService"].full_name
PUBLIC = frozenset(f"{SERVICE}/{name}" for name in ("Register", "Login", "Logout", "RefreshSession", "GetJwks"))


class AuthServicer(auth_pb2_grpc.AuthServiceServicer):
    """Proto in, one call, proto out."""

    def __init__(self, accounts: Accounts, sessions: Sessions, keys: Keys, cookies: Cookies, peers: Peers) -> None:
        self._accounts = accounts
        self._sessions = sessions
        self._keys = keys
        self._cookies = cookies
        self._peers = peers

    async def Register(self, request: pb.RegisterRequest, context: Context) -> pb.RegisterResponse:
        account, credentials = await self._accounts.register(
            request.email, request.password, request.name, _device(context)
        )
        standing = await self._peers.standing(account.id)
        await respond(context, 201, (NO_STORE,), self._cookies.of(credentials))
        user = _user(account, standing, subscription=False, created=True)
        return pb.RegisterResponse(message="User created successfully", user=user, token=credentials.access_token)

    async def Login(self, request: pb.LoginRequest, context: Context) -> pb.LoginResponse:
        account, credentials = await self._accounts.login(request.email, request.password, _device(context))
        standing = await self._peers.standing(account.id)
        await respond(context, headers=(NO_STORE,), cookies=self._cookies.of(credentials))
        user = _user(account, standing)
        return pb.LoginResponse(message="Login successful", user=user, token=credentials.access_token)

    async def Logout(self, request: pb.LogoutRequest, context: Context) -> pb.LogoutResponse:
        if token := read_cookies(metadata_of(context).get("cookie", "")).get(REFRESH_COOKIE):
            await self._sessions.end_by_token(token)
        if me := caller_or_none():
            await self._sessions.end(me.session_id)
        await respond(context, headers=(NO_STORE,), cookies=self._cookies.cleared())
        return pb.LogoutResponse(message="Logged out successfully")

    async def RefreshSession(
        self,
        request: pb.RefreshSessionRequest,
        context: Context,
    ) -> pb.RefreshSessionResponse:
        token = read_cookies(metadata_of(context).get("cookie", "")).get(REFRESH_COOKIE)
        if not token:
            raise InvalidSession("Authentication required")
        credentials = await self._sessions.refresh(token)
        await respond(context, headers=(NO_STORE,), cookies=self._cookies.of(credentials))
        return pb.RefreshSessionResponse(token=credentials.access_token)

    async def GetProfile(self, request: pb.GetProfileRequest, context: Context) -> pb.GetProfileResponse:
        me = caller(context)
        account = await self._accounts.profile(me.user_id, me.session_id)
        standing = await self._peers.standing(account.id)
        await respond(context, headers=(NO_STORE,))
        return pb.GetProfileResponse(user=_user(account, standing, created=True))

    async def UpdateProfile(
        self,
        request: pb.UpdateProfileRequest,
        context: Context,
    ) -> pb.UpdateProfileResponse:
        me = caller(context)
        change = ProfileChange(request.name, request.email, request.password, request.current_password)
        account = await self._accounts.update(me.user_id, me.session_id, change)
        standing = await self._peers.standing(account.id)
        await respond(context, headers=(NO_STORE,))
        return pb.UpdateProfileResponse(message="Profile updated successfully", user=_user(account, standing))

    async def DeleteAccount(
        self,
        request: pb.DeleteAccountRequest,
        context: Context,
    ) -> pb.DeleteAccountResponse:
        me = caller(context)
        await self._accounts.delete(me.user_id, me.session_id, request.password)
        await respond(context, headers=(NO_STORE,), cookies=self._cookies.cleared())
        return pb.DeleteAccountResponse(message="Account deleted successfully")

    async def GetJwks(self, request: pb.GetJwksRequest, context: Context) -> pb.GetJwksResponse:
        await respond(context, headers=(("cache-control", "public, max-age=60"),))
        return pb.GetJwksResponse(
            keys=[
                pb.JsonWebKey(kty="OKP", crv="Ed25519", x=x, kid=kid, alg="EdDSA", use="sig")
                for kid, x in self._keys.jwks()
            ]
        )

    def register(self, server: grpc.aio.Server) -> Iterable[str]:
        """Adds the service to the server."""
        auth_pb2_grpc.add_AuthServiceServicer_to_server(self, server)
        return (SERVICE,)


def _user(account: Account, standing: Standing | None, subscription: bool = True, created: bool = False) -> pb.User:
    """The account as the contract shows it; which fields differs from answer to answer."""
    user = pb.User(id=account.id, email=account.email, name=account.name)
    if standing is not None:
        user.credits = standing.credits
        if subscription:
            user.subscription = standing.subscription
    if created:
        stamp = Timestamp()
        stamp.FromDatetime(account.created_at)
        user.created_at.CopyFrom(stamp)
    return user


def _device(context: Context) -> Device:
    metadata = metadata_of(context)
    address = metadata.get("x-envoy-external-address") or metadata.get("x-forwarded-for", "").split(",")[0]
    return Device(metadata.get("user-agent", ""), address)
