"""Where somebody is signed in, the ending of it, and the telling of it to other services."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from services.auth.accounts import Accounts
from services.auth.devices import device_name
from services.auth.errors import InvalidSession, SessionNotFound
from services.auth.revocations import Revocations
from services.auth.sessions import Sessions
from services.auth.tests.people import PASSWORD, PHONE, People, Person
from services.kit.database import Database
from services.kit.errors import Unauthenticated
from services.kit.ids import new_id


@pytest.fixture
async def person(people: People) -> Person:
    """Somebody with one session."""
    return await people.join()


@pytest.fixture
def revocations(database: Database) -> Revocations:
    """The feed of what has ended."""
    return Revocations(database, token_seconds=900)


async def elsewhere(accounts: Accounts, person: Person) -> str:
    """The id of another session of the person."""
    _, credentials = await accounts.login(person.account.email, PASSWORD, PHONE)
    return credentials.session_id


async def test_sessions_are_listed_the_one_used_last_first(
    sessions: Sessions, accounts: Accounts, person: Person
) -> None:
    other = await elsewhere(accounts, person)
    await sessions.refresh(person.credentials.refresh_token)
    assert [row.id for row in await sessions.of_user(*person.ids)] == [person.credentials.session_id, other]


async def test_nobody_sees_anothers_sessions(sessions: Sessions, people: People, person: Person) -> None:
    other = await people.join()
    assert [row.id for row in await sessions.of_user(*other.ids)] == [other.credentials.session_id]
    with pytest.raises(Unauthenticated):
        await sessions.of_user(person.account.id, other.credentials.session_id)


async def test_one_session_can_be_ended_from_another(sessions: Sessions, accounts: Accounts, person: Person) -> None:
    other = await elsewhere(accounts, person)
    await sessions.end_one(person.account.id, other, person.credentials.session_id, PHONE)
    with pytest.raises(InvalidSession):
        await sessions.refresh(person.credentials.refresh_token)
    assert len(await sessions.of_user(person.account.id, other)) == 1


async def test_nobody_ends_anothers_session(sessions: Sessions, people: People, person: Person) -> None:
    other = await people.join()
    for target in (other.credentials.session_id, new_id(), ""):
        with pytest.raises(SessionNotFound):
            await sessions.end_one(*person.ids, target, PHONE)
    assert len(await sessions.of_user(*other.ids)) == 1


async def test_all_other_sessions_can_be_ended_at_once(sessions: Sessions, accounts: Accounts, person: Person) -> None:
    for _ in range(2):
        await elsewhere(accounts, person)
    assert await sessions.end_all_but(*person.ids, PHONE) == 2
    assert [row.id for row in await sessions.of_user(*person.ids)] == [person.credentials.session_id]


async def test_an_ended_session_ends_no_others(sessions: Sessions, accounts: Accounts, person: Person) -> None:
    other = await elsewhere(accounts, person)
    await sessions.end(other)
    with pytest.raises(Unauthenticated):
        await sessions.end_all_but(person.account.id, other, PHONE)
    with pytest.raises(Unauthenticated):
        await sessions.end_one(person.account.id, other, person.credentials.session_id, PHONE)
    assert len(await sessions.of_user(*person.ids)) == 1


async def test_every_way_a_session_ends_is_told(
    sessions: Sessions, accounts: Accounts, revocations: Revocations, people: People
) -> None:
    logged_out, deleted, stolen = await people.join(), await people.join(), await people.join()
    await sessions.end(logged_out.credentials.session_id)
    await accounts.delete(*deleted.ids, None)
    token = stolen.credentials.refresh_token
    for _ in range(2):
        token = (await sessions.refresh(token)).refresh_token
    with pytest.raises(InvalidSession):
        await sessions.refresh(stolen.credentials.refresh_token)
    told = set((await revocations.since(None)).session_ids)
    assert {person.credentials.session_id for person in (logged_out, deleted, stolen)} <= told


async def test_what_ended_is_told_again_rather_than_never(
    sessions: Sessions, revocations: Revocations, person: Person
) -> None:
    first = await revocations.since(None)
    await sessions.end(person.credentials.session_id)
    second = await revocations.since(first.next_since)
    third = await revocations.since(second.next_since)
    for page in (second, third):
        assert person.credentials.session_id in page.session_ids
    assert first.next_since < datetime.now(UTC)
    assert first.keep_seconds > 900


async def test_what_ended_long_ago_is_told_no_more_and_pruned(
    database: Database, sessions: Sessions, revocations: Revocations, person: Person
) -> None:
    await sessions.end(person.credentials.session_id)
    async with database.transaction() as connection:
        older = text("UPDATE revoked_sessions SET revoked_at = :then WHERE session_id = :id")
        values = {"then": datetime.now(UTC) - timedelta(hours=1), "id": person.credentials.session_id}
        await connection.execute(older, values)
    assert person.credentials.session_id not in (await revocations.since(None)).session_ids
    async with database.transaction() as connection:
        await revocations.prune(connection)
        kept = await connection.execute(
            text("SELECT 1 FROM revoked_sessions WHERE session_id = :id"), {"id": person.credentials.session_id}
        )
        assert kept.first() is None


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        (
            "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36 Edg/140.0",
            "Edge on Windows",
        ),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile Safari/604.1", "Safari on iPhone"),
        ("curl/8.5.0", "curl"),
        ("", "Unknown device"),
        ("\N{ROBOT FACE}", "Unknown device"),
    ],
)
def test_a_device_has_a_name_that_people_know(user_agent: str, name: str) -> None:
    assert device_name(user_agent) == name
