"""Silent renewal: Envoy asks here (ext_authz) about requests on which it found no good access token."""

from collections.abc import Iterable

import grpc
from envoy_api import authorization_pb2 as pb
from envoy_api import authorization_pb2_grpc
from envoy_api.authorization_pb2 import HeaderValue, HeaderValueOption
from google.protobuf.json_format import MessageToJson
from google.rpc import code_pb2, status_pb2

from services.auth.cookies import REFRESH_COOKIE, Cookies
from services.auth.errors import InvalidSession
from services.auth.sessions import Credentials, Sessions
from services.kit.errors import ServiceError, Unauthenticated, status_of
from services.kit.identity import read_cookies, tokens_in
from services.kit.rpc import Context

SERVICE = "envoy.service.auth.v3.Authorization"


class RenewalServicer(authorization_pb2_grpc.AuthorizationServicer):
    """Renews the session of a good refresh token; refuses everything else."""

    def __init__(self, sessions: Sessions, cookies: Cookies) -> None:
        self._sessions = sessions
        self._cookies = cookies

    async def Check(self, request: pb.CheckRequest, context: Context) -> pb.CheckResponse:
        headers = request.attributes.request.http.headers
        token = read_cookies(headers.get("cookie", "")).get(REFRESH_COOKIE)
        if token:
            try:
                return self._renewed(await self._sessions.refresh(token))
            except InvalidSession as error:
                return _refused(error)
        shown = tokens_in(headers)
        return _refused(Unauthenticated("Invalid or expired token" if shown else "Authentication required"))

    def _renewed(self, credentials: Credentials) -> pb.CheckResponse:
        bearer = HeaderValue(key="authorization", value=f"Bearer {credentials.access_token}")
        upstream = HeaderValueOption(header=bearer, append_action=HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD)
        downstream = [
            HeaderValueOption(
                header=HeaderValue(key="set-cookie", value=cookie),
                append_action=HeaderValueOption.APPEND_IF_EXISTS_OR_ADD,
            )
            for cookie in self._cookies.of(credentials)
        ]
        # Whatever the answer is about, it now carries a session.
        downstream.append(
            HeaderValueOption(
                header=HeaderValue(key="cache-control", value="no-store"),
                append_action=HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD,
            )
        )
        return pb.CheckResponse(
            status=status_pb2.Status(code=code_pb2.OK),
            ok_response=pb.OkHttpResponse(headers=[upstream], response_headers_to_add=downstream),
        )

    def register(self, server: grpc.aio.Server) -> Iterable[str]:
        """Adds the service to the server."""
        authorization_pb2_grpc.add_AuthorizationServicer_to_server(self, server)
        return (SERVICE,)


def _refused(error: ServiceError) -> pb.CheckResponse:
    json_type = HeaderValueOption(header=HeaderValue(key="content-type", value="application/json"))
    return pb.CheckResponse(
        status=status_pb2.Status(code=code_pb2.UNAUTHENTICATED),
        denied_response=pb.DeniedHttpResponse(
            status=pb.HttpStatus(code=401),
            headers=[json_type],
            body=MessageToJson(status_of(error), indent=None, always_print_fields_with_no_presence=True),
        ),
    )
