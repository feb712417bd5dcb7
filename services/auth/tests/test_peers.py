"""What auth asks of other services."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from drape.auth.v1.user_data_pb2 import DESCRIPTOR

from services.auth.peers import Peers, Standing
from services.auth.tests.service import Billing
from services.kit import server, user_data
from services.kit.client import PeerError
from services.kit.errors import Unavailable
from services.kit.identity import UserTokens
from services.kit.rpc import Access
from services.kit.tests.credentials import ISSUER, Issuer, ServiceKeys


@dataclass
class Media:
    """A service that keeps data of users, and is sometimes not able to forget."""

    able: bool = True
    forgotten: list[str] = field(default_factory=list)

    async def forget(self, user_id: str) -> None:
        """Forgets a user."""
        if not self.able:
            raise RuntimeError("the disk is full")
        self.forgotten.append(user_id)


@pytest.fixture
def media() -> Media:
    """The state of the media service."""
    return Media()


@pytest.fixture
def keys() -> ServiceKeys:
    """The keys of all services."""
    return ServiceKeys()


@pytest.fixture
async def peers(media: Media, keys: ServiceKeys) -> AsyncIterator[Peers]:
    """The running media service and billing, as auth sees them."""
    service = server.Service(
        name="media",
        listen="127.0.0.1:0",
        drain_seconds=1,
        access=Access(internal=user_data.INTERNAL),
        users=UserTokens(Issuer().fetch, ISSUER),
        tokens=keys.of("media"),
        register=user_data.UserDataServicer(media.forget).register,
    )
    running, _, port = await server.start(service)
    async with Billing(keys.of("billing")).serving() as billing:
        peers = Peers(keys.of("auth"), {"media": f"127.0.0.1:{port}", "billing": billing})
        yield peers
        await peers.close()
    await running.stop(None)


async def test_a_service_is_made_to_forget_a_user(peers: Peers, media: Media) -> None:
    await peers.forget("media", "ann")
    assert media.forgotten == ["ann"]


async def test_a_service_that_cannot_forget_is_told_of_so_that_it_is_asked_again(peers: Peers, media: Media) -> None:
    media.able = False
    with pytest.raises(PeerError):
        await peers.forget("media", "ann")
    media.able = True
    await peers.forget("media", "ann")
    assert media.forgotten == ["ann"]


async def test_a_users_standing_is_what_billing_says(peers: Peers) -> None:
    assert await peers.standing("ann") == Standing(credits=5, subscription="FREE")


async def test_a_service_that_is_away_forgets_nobody(keys: ServiceKeys) -> None:
    async with Billing(keys.of("billing")).serving() as gone:
        pass
    peers = Peers(keys.of("auth"), {"media": gone, "billing": gone})
    with pytest.raises(Unavailable):
        await peers.forget("media", "ann")
    assert await peers.standing("ann") is None
    await peers.close()


def test_only_auth_may_have_users_forgotten() -> None:
    assert {DESCRIPTOR.services_by_name["UserDataService"].full_name: frozenset({"auth"})} == user_data.INTERNAL
