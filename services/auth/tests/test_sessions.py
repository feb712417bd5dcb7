"""Sessions: one good refresh token at a time, and an end to all when an old one is shown."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import jwt
import pytest
from sqlalchemy import text

from services.auth.errors import InvalidSession
from services.auth.keys import Keys
from services.auth.sessions import Credentials, SessionLimits, Sessions
from services.auth.tests.conftest import LIMITS, MakeSessions
from services.auth.tests.people import PASSWORD, PHONE, People, Person
from services.kit.database import Database

DAY = timedelta(days=1)
NO_TIME = timedelta(0)
NO_GRACE = SessionLimits(LIMITS.idle, LIMITS.absolute, NO_TIME)


@pytest.fixture
async def person(people: People) -> Person:
    """Somebody with one session."""
    return await people.join()


async def rotated(sessions: Sessions, first: Credentials, times: int) -> list[str]:
    """The refresh tokens of a session, from the first on."""
    tokens = [first.refresh_token]
    for _ in range(times):
        tokens.append((await sessions.refresh(tokens[-1])).refresh_token)
    return tokens


async def assert_ended(sessions: Sessions, people: People, person: Person, tokens: Sequence[str]) -> None:
    """The session is gone and none of its tokens is good."""
    assert await people.sessions_of(person.account.id) == []
    for token in tokens:
        with pytest.raises(InvalidSession, match="Invalid or expired token"):
            await sessions.refresh(token)


async def test_a_refresh_gives_another_token_and_keeps_the_session(sessions: Sessions, person: Person) -> None:
    first = person.credentials
    second = await sessions.refresh(first.refresh_token)
    assert second.refresh_token != first.refresh_token
    assert (second.user_id, second.session_id) == (first.user_id, first.session_id)


async def test_the_access_token_is_the_sessions(sessions: Sessions, person: Person) -> None:
    token = (await sessions.refresh(person.credentials.refresh_token)).access_token
    claims = jwt.decode(token, options={"verify_signature": False})
    assert (claims["sub"], claims["sid"]) == person.ids
    assert claims["exp"] - claims["iat"] == 900


async def test_a_session_lasts_through_many_refreshes(sessions: Sessions, people: People, person: Person) -> None:
    tokens = await rotated(sessions, person.credentials, 10)
    assert len(set(tokens)) == 11
    assert len(await people.sessions_of(person.account.id)) == 1


async def test_20_refreshes_at_once_give_one_lineage(sessions: Sessions, people: People, person: Person) -> None:
    shown = person.credentials.refresh_token
    given = await asyncio.gather(*(sessions.refresh(shown) for _ in range(20)))
    assert len({credentials.refresh_token for credentials in given}) == 1
    assert len(await people.sessions_of(person.account.id)) == 1
    assert (await sessions.refresh(given[0].refresh_token)).session_id == person.credentials.session_id


async def test_a_late_refresh_does_not_turn_a_session_back(sessions: Sessions, people: People) -> None:
    for _ in range(10):
        person = await people.join()
        late = [asyncio.create_task(sessions.refresh(person.credentials.refresh_token)) for _ in range(10)]
        newest = person.credentials.refresh_token
        # Whoever comes too late shows an old token, which may end the session: nobody is refused before that.
        with suppress(InvalidSession):
            for _ in range(2):
                newest = (await sessions.refresh(newest)).refresh_token
        await asyncio.gather(*late, return_exceptions=True)
        if await people.sessions_of(person.account.id):
            assert (await sessions.refresh(newest)).session_id == person.credentials.session_id


async def test_the_parent_gives_the_same_child_within_the_grace_window(sessions: Sessions, person: Person) -> None:
    parent = person.credentials.refresh_token
    children = [(await sessions.refresh(parent)).refresh_token for _ in range(3)]
    assert len(set(children)) == 1
    assert (await sessions.refresh(children[0])).refresh_token not in (parent, children[0])


async def test_the_parent_shown_after_the_grace_window_ends_the_session(
    sessions: Sessions, make_sessions: MakeSessions, people: People, person: Person
) -> None:
    tokens = await rotated(sessions, person.credentials, 1)
    with pytest.raises(InvalidSession):
        await make_sessions(NO_GRACE).refresh(tokens[0])
    await assert_ended(sessions, people, person, tokens)


@pytest.mark.parametrize("generation", [0, 1, 2])
async def test_a_token_older_than_the_parent_ends_the_session_at_once(
    sessions: Sessions, people: People, person: Person, generation: int
) -> None:
    tokens = await rotated(sessions, person.credentials, 4)
    with pytest.raises(InvalidSession):
        await sessions.refresh(tokens[generation])
    await assert_ended(sessions, people, person, tokens)


async def test_an_old_token_ends_its_own_session_and_no_other(
    sessions: Sessions, people: People, person: Person
) -> None:
    _, elsewhere = await people.accounts.login(person.account.email, PASSWORD, PHONE)
    tokens = await rotated(sessions, person.credentials, 2)
    with pytest.raises(InvalidSession):
        await sessions.refresh(tokens[0])
    assert [row.id for row in await people.sessions_of(person.account.id)] == [elsewhere.session_id]
    assert (await sessions.refresh(elsewhere.refresh_token)).session_id == elsewhere.session_id


@pytest.mark.parametrize("token", ["", "unknown", "é", "a" * 10_000])
async def test_a_token_nobody_was_given_is_refused(
    sessions: Sessions, people: People, person: Person, token: str
) -> None:
    with pytest.raises(InvalidSession):
        await sessions.refresh(token)
    assert len(await people.sessions_of(person.account.id)) == 1


async def test_a_successor_cannot_be_derived_without_the_secret(
    database: Database, keys: Keys, sessions: Sessions, person: Person
) -> None:
    shown = person.credentials.refresh_token
    mine = await sessions.refresh(shown)
    theirs = await Sessions(database, keys, "another secret", LIMITS).refresh(shown)
    assert theirs.refresh_token != mine.refresh_token
    with pytest.raises(InvalidSession):
        await sessions.refresh(theirs.refresh_token)


@pytest.mark.parametrize(
    "limits",
    [SessionLimits(NO_TIME, LIMITS.absolute, LIMITS.grace), SessionLimits(LIMITS.idle, NO_TIME, LIMITS.grace)],
    ids=["idle", "absolute"],
)
async def test_a_session_beyond_a_limit_ends(
    sessions: Sessions, make_sessions: MakeSessions, people: People, person: Person, limits: SessionLimits
) -> None:
    with pytest.raises(InvalidSession):
        await make_sessions(limits).refresh(person.credentials.refresh_token)
    await assert_ended(sessions, people, person, [person.credentials.refresh_token])


@pytest.mark.parametrize(
    ("age", "unused", "good"),
    [(29 * DAY, 6 * DAY, True), (29 * DAY, 8 * DAY, False), (31 * DAY, NO_TIME, False)],
)
async def test_a_session_lasts_7_days_without_use_and_30_with(
    sessions: Sessions, database: Database, person: Person, age: timedelta, unused: timedelta, good: bool
) -> None:
    now = datetime.now(UTC)
    aged = text("UPDATE sessions SET created_at = :created, rotated_at = :rotated WHERE id = :id")
    async with database.transaction() as connection:
        values = {"created": now - age, "rotated": now - unused, "id": person.credentials.session_id}
        await connection.execute(aged, values)
    if good:
        assert await sessions.refresh(person.credentials.refresh_token)
    else:
        with pytest.raises(InvalidSession):
            await sessions.refresh(person.credentials.refresh_token)


async def test_an_ended_session_is_not_refreshed(sessions: Sessions, people: People, person: Person) -> None:
    for _ in range(2):
        await sessions.end(person.credentials.session_id)
    await assert_ended(sessions, people, person, [person.credentials.refresh_token])


@pytest.mark.parametrize("generation", [0, 1])
async def test_a_session_is_ended_by_its_token_or_that_tokens_parent(
    sessions: Sessions, people: People, person: Person, generation: int
) -> None:
    tokens = await rotated(sessions, person.credentials, 1)
    await sessions.end_by_token(tokens[generation])
    await assert_ended(sessions, people, person, tokens)


async def test_tokens_are_not_kept(sessions: Sessions, people: People, person: Person) -> None:
    tokens = await rotated(sessions, person.credentials, 3)
    kept = str(await people.sessions_of(person.account.id)) + str(await people.rows("SELECT * FROM spent_tokens"))
    for token in tokens:
        assert token not in kept


async def test_a_session_remembers_where_it_was_opened(people: People, person: Person) -> None:
    [row] = await people.sessions_of(person.account.id)
    assert (row.user_agent, row.address) == (PHONE.user_agent, PHONE.address)
