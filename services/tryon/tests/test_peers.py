"""Media and billing over a real channel: what they answer, in this service's words."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest
from drape.billing.v1 import ledger_pb2, ledger_pb2_grpc
from drape.media.v1 import image_store_pb2, image_store_pb2_grpc, media_pb2
from google.protobuf.json_format import MessageToDict
from google.protobuf.timestamp_pb2 import Timestamp
from grpc import StatusCode

from services.kit import server
from services.kit.client import PeerError
from services.kit.errors import ServiceError, Unavailable
from services.kit.identity import UserTokens, caller
from services.kit.rpc import Access
from services.kit.tests.credentials import ISSUER, Issuer, ServiceKeys
from services.tryon.errors import ImagesNotFound, InsufficientCredits
from services.tryon.peers import Billing, HoldLost, Media

NOBODY = "127.0.0.1:9"
LEDGER = "drape.billing.v1.LedgerService"
STORE = "drape.media.v1.ImageStoreService"


def refusing(code: StatusCode, reason: str, **metadata: object) -> ServiceError:
    """An error of the other service."""
    error = ServiceError("said the other service", **metadata)
    error.code, error.reason = code, reason
    return error


@dataclass
class Others(ledger_pb2_grpc.LedgerServiceServicer, image_store_pb2_grpc.ImageStoreServiceServicer):
    """Billing and media in one: answers everything, or refuses everything."""

    refuse: ServiceError | None = None
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    """User and request of every call."""

    def _answer(self, request: Any, context: Any, answer: Any) -> Any:
        who = caller(context)
        assert who.service == "tryon"
        self.asked.append((who.user_id, MessageToDict(request)))
        if self.refuse:
            raise self.refuse
        return answer

    async def GetAccount(self, request: Any, context: Any) -> Any:  # noqa: N802
        return self._answer(request, context, ledger_pb2.GetAccountResponse(credits=5))

    async def HoldCredits(self, request: Any, context: Any) -> Any:  # noqa: N802
        return self._answer(request, context, ledger_pb2.HoldCreditsResponse(credits=4))

    async def CaptureHold(self, request: Any, context: Any) -> Any:  # noqa: N802
        return self._answer(request, context, ledger_pb2.CaptureHoldResponse(credits=4))

    async def ReleaseHold(self, request: Any, context: Any) -> Any:  # noqa: N802
        return self._answer(request, context, ledger_pb2.ReleaseHoldResponse(credits=5))

    async def BatchGetImages(self, request: Any, context: Any) -> Any:  # noqa: N802
        images = [
            media_pb2.Image(id=each, type="user", url="https://x", created_at=Timestamp()) for each in request.ids
        ]
        return self._answer(request, context, image_store_pb2.BatchGetImagesResponse(images=images))

    async def ReadImage(self, request: Any, context: Any) -> Any:  # noqa: N802
        first, *more = (f"bytes of {each}".encode() for each in (request.id, *request.more_ids))
        # As when no more of them fit into one message.
        return self._answer(request, context, image_store_pb2.ReadImageResponse(data=first, more_data=more[:1]))

    async def StoreGeneratedImage(self, request: Any, context: Any) -> Any:  # noqa: N802
        image = media_pb2.Image(id="new", type="generated", url="https://x", created_at=Timestamp())
        return self._answer(request, context, image_store_pb2.StoreGeneratedImageResponse(image=image))

    async def DeleteGeneratedImage(self, request: Any, context: Any) -> Any:  # noqa: N802
        return self._answer(request, context, image_store_pb2.DeleteGeneratedImageResponse())

    def register(self, grpc_server: grpc.aio.Server) -> Iterable[str]:
        """Adds both services to the server."""
        ledger_pb2_grpc.add_LedgerServiceServicer_to_server(self, grpc_server)
        image_store_pb2_grpc.add_ImageStoreServiceServicer_to_server(self, grpc_server)
        return (LEDGER, STORE)


@dataclass
class World:
    """The others, and our ways to them."""

    others: Others
    media: Media
    billing: Billing


async def running(others: Others, keys: ServiceKeys, name: str) -> tuple[grpc.aio.Server, str]:
    """Serves the others as one of the services; returns its address."""
    allowed = frozenset({"tryon"})
    service = server.Service(
        name=name,
        listen="127.0.0.1:0",
        drain_seconds=1,
        access=Access(internal={LEDGER: allowed, STORE: allowed}),
        users=UserTokens(Issuer().fetch, ISSUER),
        tokens=keys.of(name),
        register=others.register,
    )
    started, _, port = await server.start(service)
    return started, f"127.0.0.1:{port}"


@pytest.fixture(scope="session")
async def shared_world() -> AsyncIterator[World]:
    """Media and billing, each with a key of its own."""
    keys, others = ServiceKeys(), Others()
    (store, store_at), (ledger, ledger_at) = [await running(others, keys, name) for name in ("media", "billing")]
    media, billing = Media(store_at, keys.of("tryon")), Billing(ledger_at, keys.of("tryon"))
    yield World(others, media, billing)
    await media.close()
    await billing.close()
    for started in (store, ledger):
        await started.stop(None)


@pytest.fixture
def world(shared_world: World) -> World:
    """Others that refuse nothing."""
    shared_world.others.refuse = None
    shared_world.others.asked.clear()
    return shared_world


async def test_credits_are_set_aside_spent_and_given_back_for_the_user(world: World) -> None:
    await world.billing.hold("ann", "job", 1, 3600)
    assert await world.billing.capture("ann", "job") == 4
    await world.billing.release("ann", "job")
    assert world.others.asked == [
        ("ann", {"holdId": "job", "amount": 1, "ttlSeconds": 3600}),
        ("ann", {"holdId": "job"}),
        ("ann", {"holdId": "job"}),
    ]


async def test_too_few_credits_are_told_with_how_many_there_are(world: World) -> None:
    world.others.refuse = refusing(StatusCode.FAILED_PRECONDITION, "INSUFFICIENT_CREDITS", credits=0, required=1)
    with pytest.raises(InsufficientCredits, match="said the other service") as refused:
        await world.billing.hold("ann", "job", 1, 3600)
    assert refused.value.metadata == {"credits": "0", "required": "1"}


@pytest.mark.parametrize(
    ("reason", "calls"),
    [
        ("HOLD_EXPIRED", ("capture", "hold")),
        ("HOLD_ALREADY_RELEASED", ("capture", "hold")),
        ("HOLD_NOT_FOUND", ("capture",)),
        ("ACCOUNT_CLOSED", ("hold",)),
    ],
)
async def test_a_hold_that_is_gone_is_told_apart_from_other_refusals(
    world: World, reason: str, calls: tuple[str, ...]
) -> None:
    world.others.refuse = refusing(StatusCode.FAILED_PRECONDITION, reason)
    if "hold" in calls:
        with pytest.raises(HoldLost, match=reason):
            await world.billing.hold("ann", "job", 1, 60)
    if "capture" in calls:
        with pytest.raises(HoldLost, match=reason):
            await world.billing.capture("ann", "job")
    world.others.refuse = refusing(StatusCode.ALREADY_EXISTS, "HOLD_MISMATCH")
    for call in (world.billing.capture("ann", "job"), world.billing.hold("ann", "job", 1, 60)):
        with pytest.raises(PeerError) as refused:
            await call
        assert (refused.value.code, refused.value.reason) == (StatusCode.ALREADY_EXISTS, "HOLD_MISMATCH")


async def test_images_are_found_read_stored_and_deleted_for_the_user(world: World) -> None:
    found = await world.media.find("ann", ["a", "b"])
    assert {key: (image.id, image.type, image.url) for key, image in found.items()} == {
        "a": ("a", "user", "https://x"),
        "b": ("b", "user", "https://x"),
    }
    assert await world.media.read("ann", "a") == [b"bytes of a"]
    assert (await world.media.store("ann", "job", b"picture", {"engine": "local"})).id == "new"
    await world.media.delete("ann", "job")
    assert {user for user, _ in world.others.asked} == {"ann"}
    assert world.others.asked[2][1]["metadata"] == {"engine": "local"}


async def test_images_that_do_not_fit_into_one_answer_come_in_several(world: World) -> None:
    wanted = ["a", "b", "a", "c"]
    assert await world.media.read("ann", *wanted) == [f"bytes of {each}".encode() for each in wanted]
    assert len(world.others.asked) == 2


async def test_an_image_that_is_not_there_is_told_apart_from_other_refusals(world: World) -> None:
    world.others.refuse = refusing(StatusCode.NOT_FOUND, "IMAGE_NOT_FOUND")
    with pytest.raises(ImagesNotFound, match="One or both images not found"):
        await world.media.read("ann", "a")
    world.others.refuse = refusing(StatusCode.INTERNAL, "INTERNAL")
    with pytest.raises(PeerError):
        await world.media.read("ann", "a")


async def test_a_picture_of_ten_megabytes_comes_through(world: World) -> None:
    await world.media.store("ann", "job", bytes(10 * 1024 * 1024), {})
    assert len(world.others.asked) == 1


async def test_what_the_other_service_cannot_do_right_now_is_tried_again(world: World) -> None:
    world.others.refuse = Unavailable("not now")
    with pytest.raises(Unavailable):
        await world.billing.capture("ann", "job")
    assert len(world.others.asked) == 4


async def test_nobody_answering_is_unavailable() -> None:
    keys = ServiceKeys()
    media, billing = Media(NOBODY, keys.of("tryon")), Billing(NOBODY, keys.of("tryon"))
    calls = (media.find("ann", ["a"]), media.read("ann", "a"), billing.hold("ann", "job", 1, 60))
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(answer) for answer in answers] == [Unavailable] * 3
    await media.close()
    await billing.close()
