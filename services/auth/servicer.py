"""The RPCs of the auth service."""

from collections.abc import Iterable
from datetime import UTC, datetime

import grpc
from drape.auth.v1 import auth_pb2 as pb
from drape.auth.v1 import (
    auth_pb2_grpc,
    recovery_pb2,
    recovery_pb2_grpc,
    revocation_pb2,
    revocation_pb2_grpc,
    session_pb2,
    session_pb2_grpc,
)
from google.protobuf.timestamp_pb2 import Timestamp

from services.auth.accounts import Account, Accounts, ProfileChange
from services.auth.cookies import REFRESH_COOKIE, Cookies
from services.auth.devices import Device, device_name
from services.auth.errors import InvalidSession
from services.auth.keys import Keys
from services.auth.peers import Peers, Standing
from services.auth.recovery import Recovery
from services.auth.revocations import Revocations
from services.auth.sessions import Sessions
from services.kit.http import NO_STORE, metadata_of, respond
from services.kit.identity import caller, caller_or_none, read_cookies
from services.kit.rpc import Context

SERVICE = pb.DESCRIPTOR.services_by_name["AuthService"].full_name
SESSIONS = session_pb2.DESCRIPTOR.services_by_name["SessionService"].full_name
RECOVERY = recovery_pb2.DESCRIPTOR.services_by_name["RecoveryService"].full_name
REVOCATION = revocation_pb2.DESCRIPTOR.services_by_name["RevocationService"].full_name
PUBLIC = frozenset(
    f"{SERVICE}/{name}" for name in ("Register", "Login", "Logout", "RefreshSession", "GetJwks")
) | frozenset(f"{RECOVERY}/{name}" for name in ("ForgotPassword", "ResetPassword", "VerifyEmail"))
INTERNAL = {REVOCATION: frozenset({"media", "tryon", "billing"})}


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
            await self._sessions.end_by_token(token, _device(context))
        if me := caller_or_none():
            await self._sessions.end(me.session_id, _device(context))
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
        account = await self._accounts.update(me.user_id, me.session_id, change, _device(context))
        standing = await self._peers.standing(account.id)
        await respond(context, headers=(NO_STORE,))
        return pb.UpdateProfileResponse(message="Profile updated successfully", user=_user(account, standing))

    async def DeleteAccount(
        self,
        request: pb.DeleteAccountRequest,
        context: Context,
    ) -> pb.DeleteAccountResponse:
        me = caller(context)
        await self._accounts.delete(me.user_id, me.session_id, request.password, _device(context))
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


class SessionServicer(session_pb2_grpc.SessionServiceServicer):
    """Where an account is signed in."""

    def __init__(self, sessions: Sessions, cookies: Cookies) -> None:
        self._sessions = sessions
        self._cookies = cookies

    async def ListSessions(
        self,
        request: session_pb2.ListSessionsRequest,
        context: Context,
    ) -> session_pb2.ListSessionsResponse:
        me = caller(context)
        rows = await self._sessions.of_user(me.user_id, me.session_id)
        await respond(context, headers=(NO_STORE,))
        return session_pb2.ListSessionsResponse(
            sessions=[
                session_pb2.Session(
                    id=row.id,
                    device=device_name(row.user_agent),
                    user_agent=row.user_agent,
                    address=row.address,
                    created_at=_stamp(row.created_at),
                    last_used_at=_stamp(row.rotated_at),
                    current=row.id == me.session_id,
                )
                for row in rows
            ]
        )

    async def EndSession(
        self,
        request: session_pb2.EndSessionRequest,
        context: Context,
    ) -> session_pb2.EndSessionResponse:
        me = caller(context)
        await self._sessions.end_one(me.user_id, me.session_id, request.id, _device(context))
        cookies = self._cookies.cleared() if request.id == me.session_id else ()
        await respond(context, headers=(NO_STORE,), cookies=cookies)
        return session_pb2.EndSessionResponse(message="Session ended successfully")

    async def EndOtherSessions(
        self,
        request: session_pb2.EndOtherSessionsRequest,
        context: Context,
    ) -> session_pb2.EndOtherSessionsResponse:
        me = caller(context)
        ended = await self._sessions.end_all_but(me.user_id, me.session_id, _device(context))
        await respond(context, headers=(NO_STORE,))
        return session_pb2.EndOtherSessionsResponse(message="All other sessions ended successfully", ended=ended)

    def register(self, server: grpc.aio.Server) -> Iterable[str]:
        """Adds the service to the server."""
        session_pb2_grpc.add_SessionServiceServicer_to_server(self, server)
        return (SESSIONS,)


class RecoveryServicer(recovery_pb2_grpc.RecoveryServiceServicer):
    """What mailed links lead to."""

    def __init__(self, recovery: Recovery) -> None:
        self._recovery = recovery

    async def ForgotPassword(
        self,
        request: recovery_pb2.ForgotPasswordRequest,
        context: Context,
    ) -> recovery_pb2.ForgotPasswordResponse:
        await self._recovery.forgot(request.email, _device(context))
        await respond(context, headers=(NO_STORE,))
        return recovery_pb2.ForgotPasswordResponse(
            message="If there is an account with that e-mail, a link to choose a new password is on its way."
        )

    async def ResetPassword(
        self,
        request: recovery_pb2.ResetPasswordRequest,
        context: Context,
    ) -> recovery_pb2.ResetPasswordResponse:
        await self._recovery.reset(request.token, request.password, _device(context))
        await respond(context, headers=(NO_STORE,))
        return recovery_pb2.ResetPasswordResponse(message="Password changed successfully. Please sign in.")

    async def VerifyEmail(
        self,
        request: recovery_pb2.VerifyEmailRequest,
        context: Context,
    ) -> recovery_pb2.VerifyEmailResponse:
        await self._recovery.verify(request.token, _device(context))
        await respond(context, headers=(NO_STORE,))
        return recovery_pb2.VerifyEmailResponse(message="Email address confirmed successfully")

    async def ResendVerification(
        self,
        request: recovery_pb2.ResendVerificationRequest,
        context: Context,
    ) -> recovery_pb2.ResendVerificationResponse:
        me = caller(context)
        await self._recovery.resend(me.user_id, me.session_id)
        await respond(context, headers=(NO_STORE,))
        return recovery_pb2.ResendVerificationResponse(
            message="If your address waits to be confirmed, a link is on its way."
        )

    def register(self, server: grpc.aio.Server) -> Iterable[str]:
        """Adds the service to the server."""
        recovery_pb2_grpc.add_RecoveryServiceServicer_to_server(self, server)
        return (RECOVERY,)


class RevocationServicer(revocation_pb2_grpc.RevocationServiceServicer):
    """What other services call."""

    def __init__(self, revocations: Revocations) -> None:
        self._revocations = revocations

    async def ListRevokedSessions(
        self,
        request: revocation_pb2.ListRevokedSessionsRequest,
        context: Context,
    ) -> revocation_pb2.ListRevokedSessionsResponse:
        since = request.since.ToDatetime(UTC) if request.HasField("since") else None
        page = await self._revocations.since(since)
        return revocation_pb2.ListRevokedSessionsResponse(
            session_ids=page.session_ids, next_since=_stamp(page.next_since), keep_seconds=int(page.keep_seconds)
        )

    def register(self, server: grpc.aio.Server) -> Iterable[str]:
        """Adds the service to the server."""
        revocation_pb2_grpc.add_RevocationServiceServicer_to_server(self, server)
        return (REVOCATION,)


def _user(account: Account, standing: Standing | None, subscription: bool = True, created: bool = False) -> pb.User:
    """The account as the contract shows it; which fields differs from answer to answer."""
    user = pb.User(id=account.id, email=account.email, name=account.name)
    if standing is not None:
        user.credits = standing.credits
        if subscription:
            user.subscription = standing.subscription
    if created:
        user.created_at.CopyFrom(_stamp(account.created_at))
    return user


def _stamp(moment: datetime) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    return stamp


def _device(context: Context) -> Device:
    metadata = metadata_of(context)
    address = metadata.get("x-envoy-external-address") or metadata.get("x-forwarded-for", "").split(",")[0]
    return Device(metadata.get("user-agent", ""), address)
