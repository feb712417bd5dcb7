"""The RPC by which auth has a service forget a user; the same in every service that keeps data of users."""

from collections.abc import Awaitable, Callable, Iterable

import grpc
from drape.auth.v1 import user_data_pb2 as pb
from drape.auth.v1 import user_data_pb2_grpc

from services.kit.identity import caller
from services.kit.rpc import Context

SERVICE = pb.DESCRIPTOR.services_by_name["UserDataService"].full_name
INTERNAL = {SERVICE: frozenset({"auth"})}


class UserDataServicer(user_data_pb2_grpc.UserDataServiceServicer):
    """Calls the service's own way to forget a user."""

    def __init__(self, forget: Callable[[str], Awaitable[None]]) -> None:
        self._forget = forget

    async def DeleteUserData(
        self,
        request: pb.DeleteUserDataRequest,
        context: Context,
    ) -> pb.DeleteUserDataResponse:
        await self._forget(caller(context).user_id)
        return pb.DeleteUserDataResponse()

    def register(self, server: grpc.aio.Server) -> Iterable[str]:
        """Adds the service to the server."""
        user_data_pb2_grpc.add_UserDataServiceServicer_to_server(self, server)
        return (SERVICE,)
