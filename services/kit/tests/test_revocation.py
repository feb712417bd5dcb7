"""Sessions that have ended: their access tokens are refused at once, also in the middle of a stream."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from grpc import StatusCode

from services.kit.errors import Unavailable
from services.kit.identity import UserTokens
from services.kit.revocation import RevokedPage, RevokedSessions
from services.kit.tests.credentials import ISSUER, Issuer
from services.kit.tests.echo import GOOD, NAME, Request, serving
from services.kit.tests.waiting import eventually

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


class Feed:
    """An auth service that tells which sessions have ended, if it is there."""

    def __init__(self, ended: Sequence[str] = (), keep_seconds: float = 900) -> None:
        self.ended = list(ended)
        self.keep_seconds = keep_seconds
        self.away = False
        self.asked: list[datetime | None] = []

    async def fetch(self, since: datetime | None) -> RevokedPage:
        """What has ended since."""
        self.asked.append(since)
        if self.away:
            raise Unavailable("The sign-in service is not ready.")
        return RevokedPage(self.ended, BEGIN + timedelta(seconds=len(self.asked)), self.keep_seconds)


@pytest.fixture
def issuer() -> Issuer:
    """Who signs access tokens."""
    return Issuer()


@pytest.fixture
def feed() -> Feed:
    """Who tells what has ended."""
    return Feed()


async def test_what_has_ended_is_known_once_it_was_asked() -> None:
    revoked = RevokedSessions(Feed(["s-1"]).fetch)
    assert "s-1" not in revoked
    await revoked.ready()
    assert "s-1" in revoked
    assert "s-2" not in revoked


async def test_each_question_goes_on_where_the_last_one_ended() -> None:
    feed = Feed()
    revoked = RevokedSessions(feed.fetch)
    for _ in range(3):
        await revoked.update()
    assert feed.asked == [None, BEGIN + timedelta(seconds=1), BEGIN + timedelta(seconds=2)]


async def test_what_was_told_once_is_kept_in_mind() -> None:
    feed = Feed(["s-1"])
    revoked = RevokedSessions(feed.fetch)
    await revoked.update()
    feed.ended = []
    await revoked.update()
    assert "s-1" in revoked


async def test_what_ended_so_long_ago_that_no_token_is_good_is_forgotten() -> None:
    revoked = RevokedSessions(Feed(["s-1"], keep_seconds=-1).fetch)
    await revoked.update()
    assert "s-1" not in revoked


async def test_many_who_need_the_list_at_once_ask_once() -> None:
    feed = Feed()
    revoked = RevokedSessions(feed.fetch)
    await asyncio.gather(*(revoked.ready() for _ in range(10)))
    assert len(feed.asked) == 1


async def test_the_token_of_an_ended_session_names_nobody_though_it_has_not_expired() -> None:
    issuer = Issuer()
    users = UserTokens(issuer.fetch, ISSUER, revoked=RevokedSessions(Feed(["ended"]).fetch))
    ended, good = issuer.token("ann", sid="ended"), issuer.token("bob", sid="open")
    assert await users.first_valid([ended]) is None
    found = await users.first_valid([ended, good])
    assert found is not None
    assert found.user_id == "bob"


async def test_without_the_list_no_token_is_trusted() -> None:
    issuer, feed = Issuer(), Feed()
    feed.away = True
    users = UserTokens(issuer.fetch, ISSUER, revoked=RevokedSessions(feed.fetch))
    with pytest.raises(Unavailable):
        await users.first_valid([issuer.token("ann")])


async def test_while_auth_is_away_the_list_that_is_known_holds() -> None:
    issuer, feed = Issuer(), Feed(["ended"])
    users = UserTokens(issuer.fetch, ISSUER, revoked=RevokedSessions(feed.fetch))
    assert await users.first_valid([issuer.token("ann", sid="open")]) is not None
    feed.away = True
    assert await users.first_valid([issuer.token("ann", sid="open")]) is not None
    assert await users.first_valid([issuer.token("ann", sid="ended")]) is None


async def test_a_session_that_ends_while_the_service_runs_is_heard_of(issuer: Issuer, feed: Feed) -> None:
    users, stop = UserTokens(issuer.fetch, ISSUER, revoked=RevokedSessions(feed.fetch)), asyncio.Event()
    token = issuer.token("ann", sid="s-1")
    assert await users.first_valid([token]) is not None
    watching = asyncio.create_task(users.watch(stop))
    feed.ended.append("s-1")

    async def refused() -> bool:
        return await users.first_valid([token]) is None

    await eventually(refused, "the refusal")
    stop.set()
    await asyncio.wait_for(watching, 5)


async def test_watching_goes_on_after_auth_was_away(issuer: Issuer, feed: Feed) -> None:
    users, stop = UserTokens(issuer.fetch, ISSUER, revoked=RevokedSessions(feed.fetch)), asyncio.Event()
    feed.away = True
    watching = asyncio.create_task(users.watch(stop))

    async def asked() -> bool:
        return bool(feed.asked)

    await eventually(asked, "the first question")
    feed.away = False
    feed.ended.append("s-1")

    async def heard() -> bool:
        try:
            return await users.first_valid([issuer.token("ann", sid="s-1")]) is None
        except Unavailable:
            return False

    await eventually(heard, "the end of the session")
    stop.set()
    await asyncio.wait_for(watching, 5)


async def test_a_stream_breaks_off_when_its_session_ends(feed: Feed) -> None:
    revoked, go_on = RevokedSessions(feed.fetch), asyncio.Event()
    issuer = Issuer()
    users = UserTokens(issuer.fetch, ISSUER, revoked=revoked)

    async def many(request: Request, _: Any) -> AsyncIterator[Request]:
        yield request
        await go_on.wait()
        yield request

    handler = grpc.unary_stream_rpc_method_handler(
        many, request_deserializer=Request.FromString, response_serializer=Request.SerializeToString
    )
    async with serving({"Many": handler}, users=users) as echo:
        stub: Any = echo.channel.unary_stream(
            f"/{NAME}/Many",
            request_serializer=Request.SerializeToString,
            response_deserializer=Request.FromString,
        )
        answers = stub(GOOD, metadata=(("authorization", f"Bearer {issuer.token('ann', sid='s-1')}"),), timeout=10)
        assert await answers.read() == GOOD
        feed.ended.append("s-1")
        await revoked.update()
        go_on.set()
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await answers.read()
    assert refused.value.code() is StatusCode.UNAUTHENTICATED
