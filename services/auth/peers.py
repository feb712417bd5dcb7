"""Other services, in this service's words."""

import logging
from dataclasses import dataclass

import grpc
from drape.auth.v1 import user_data_pb2, user_data_pb2_grpc
from drape.billing.v1 import ledger_pb2, ledger_pb2_grpc

from services.kit.client import Peer, open_channel
from services.kit.errors import ServiceError
from services.kit.identity import ServiceTokens
from services.kit.tls import Tls

log = logging.getLogger(__name__)

_DELETE = "drape.auth.v1.UserDataService/DeleteUserData"
_GET_ACCOUNT = "drape.billing.v1.LedgerService/GetAccount"


@dataclass(frozen=True)
class Standing:
    """What a user has at billing."""

    credits: int
    subscription: str


class Peers:
    """The services that auth calls."""

    def __init__(self, tokens: ServiceTokens, addresses: dict[str, str], tls: Tls | None = None) -> None:
        """`addresses` has host:port of media, tryon and billing."""
        self._channels: dict[str, grpc.aio.Channel] = {
            name: open_channel(address, [_DELETE, _GET_ACCOUNT], tls) for name, address in addresses.items()
        }
        self._peers = {name: Peer(name, tokens, timeout=3) for name in addresses}
        self._ledger = ledger_pb2_grpc.LedgerServiceStub(self._channels["billing"])

    async def standing(self, user_id: str) -> Standing | None:
        """Credits and plan; None when billing does not answer, for signing in must not wait for it."""
        try:
            answer = await self._peers["billing"].call(self._ledger.GetAccount, ledger_pb2.GetAccountRequest(), user_id)
        except ServiceError as error:
            log.warning("billing did not tell the standing", extra={"reason": error.reason})
            return None
        return Standing(answer.credits, answer.subscription)

    async def forget(self, service: str, user_id: str) -> None:
        """Has a service delete all it keeps of the user. Raises when it does not."""
        stub = user_data_pb2_grpc.UserDataServiceStub(self._channels[service])
        request = user_data_pb2.DeleteUserDataRequest(user_id=user_id)
        await self._peers[service].call(stub.DeleteUserData, request, user_id, seconds=30)

    async def close(self) -> None:
        """Closes the channels."""
        for channel in self._channels.values():
            await channel.close()
