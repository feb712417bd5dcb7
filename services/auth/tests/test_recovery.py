"""What mailed links lead to: a confirmed address, a new password."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from services.auth.accounts import Accounts, ProfileChange
from services.auth.errors import EmailInUse, InvalidCredentials, InvalidLink, InvalidPassword
from services.auth.mailed_links import LINK_TASK, NOTICE_TASK
from services.auth.passwords import Passwords
from services.auth.recovery import FORGOT_TASK, Recovery
from services.auth.sessions import Sessions
from services.auth.tests.people import PASSWORD, PHONE, People, Person, make_links, new_email, unthrottled
from services.kit.database import Database
from services.kit.errors import Unauthenticated

NEW = "another horse battery"


@pytest.fixture
async def person(people: People) -> Person:
    """Somebody who has just registered."""
    return await people.join()


async def queued(people: People, task: str) -> list[Any]:
    """The payloads of waiting tasks of that name."""
    rows = await people.rows("SELECT payload FROM pgqueuer WHERE entrypoint = :task ORDER BY id", task=task)
    return [json.loads(row.payload) for row in rows]


async def forget(recovery: Recovery, people: People, person: Person) -> str:
    """The token that is mailed to somebody who has forgotten their password."""
    await recovery.mail_reset({"email": person.account.email})
    return await people.mailed(person.account.id, "reset")


async def test_a_new_address_is_confirmed_by_its_link_once(recovery: Recovery, people: People, person: Person) -> None:
    verified = "SELECT email_verified_at IS NOT NULL AS verified FROM users WHERE id = :id"
    assert (await people.rows(verified, id=person.account.id))[0].verified is False
    token = await people.mailed(person.account.id, "verify")
    await recovery.verify(token, PHONE)
    assert (await people.rows(verified, id=person.account.id))[0].verified is True
    with pytest.raises(InvalidLink):
        await recovery.verify(token, PHONE)


async def test_who_forgot_their_password_is_mailed_a_link(recovery: Recovery, people: People, person: Person) -> None:
    await recovery.forgot(person.account.email.upper(), PHONE)
    assert {"email": person.account.email} in await queued(people, FORGOT_TASK)
    await forget(recovery, people, person)
    [link] = await people.rows("SELECT id FROM mail_tokens WHERE user_id = :id AND purpose = 'reset'", id=person.ids[0])
    assert {"token_id": link.id} in await queued(people, LINK_TASK)


@pytest.mark.parametrize("email", ["nobody@example.com", "ann", "", "a\x00b@example.com"])
async def test_who_has_no_account_is_answered_alike_and_mailed_nothing(
    recovery: Recovery, people: People, email: str
) -> None:
    before = len(await queued(people, LINK_TASK))
    waiting = len(await queued(people, FORGOT_TASK))
    await recovery.forgot(email, PHONE)
    tasks = await queued(people, FORGOT_TASK)
    assert len(tasks) == waiting + 1
    await recovery.mail_reset(tasks[-1])
    assert len(await queued(people, LINK_TASK)) == before


async def test_a_second_mail_within_a_minute_is_not_sent(recovery: Recovery, people: People, person: Person) -> None:
    first = await forget(recovery, people, person)
    assert await forget(recovery, people, person) == first


async def test_a_link_sets_a_new_password_and_ends_every_session(
    recovery: Recovery, accounts: Accounts, people: People, person: Person
) -> None:
    await recovery.reset(await forget(recovery, people, person), NEW, PHONE)
    assert await people.sessions_of(person.account.id) == []
    assert (await accounts.login(person.account.email, NEW, PHONE))[0] == person.account
    with pytest.raises(InvalidCredentials):
        await accounts.login(person.account.email, PASSWORD, PHONE)
    assert person.account.email in [payload["to"] for payload in await queued(people, NOTICE_TASK)]


async def test_a_link_to_a_new_password_works_once(recovery: Recovery, people: People, person: Person) -> None:
    token = await forget(recovery, people, person)
    results = await asyncio.gather(*(recovery.reset(token, NEW, PHONE) for _ in range(5)), return_exceptions=True)
    assert sum(isinstance(result, InvalidLink) for result in results) == 4
    with pytest.raises(InvalidLink):
        await recovery.reset(token, PASSWORD, PHONE)


async def test_a_password_of_the_wrong_length_does_not_use_the_link_up(
    recovery: Recovery, people: People, person: Person
) -> None:
    token = await forget(recovery, people, person)
    with pytest.raises(InvalidPassword):
        await recovery.reset(token, "short", PHONE)
    await recovery.reset(token, NEW, PHONE)


@pytest.mark.parametrize("token", ["", "unknown", "é", "\x00", "a" * 10_000])
async def test_a_link_that_was_not_mailed_is_not_valid(recovery: Recovery, token: str) -> None:
    for use in (recovery.reset(token, NEW, PHONE), recovery.verify(token, PHONE)):
        with pytest.raises(InvalidLink):
            await use


async def test_a_link_is_good_for_its_purpose_only(recovery: Recovery, people: People, person: Person) -> None:
    reset = await forget(recovery, people, person)
    with pytest.raises(InvalidLink):
        await recovery.verify(reset, PHONE)
    with pytest.raises(InvalidLink):
        await recovery.reset(await people.mailed(person.account.id, "verify"), NEW, PHONE)


async def test_a_link_that_is_too_old_is_not_valid(
    database: Database, passwords: Passwords, sessions: Sessions, people: People, person: Person
) -> None:
    links = make_links(database, lifetime=timedelta(0))
    recovery = Recovery(database, passwords, sessions, unthrottled(database), links)
    token = await forget(recovery, people, person)
    with pytest.raises(InvalidLink):
        await recovery.reset(token, NEW, PHONE)


async def test_a_changed_password_ends_links_that_were_mailed_before(
    recovery: Recovery, accounts: Accounts, people: People, person: Person
) -> None:
    token = await forget(recovery, people, person)
    await accounts.update(*person.ids, ProfileChange(password=NEW, current_password=PASSWORD))
    with pytest.raises(InvalidLink):
        await recovery.reset(token, PASSWORD, PHONE)


async def test_an_address_somebody_else_took_meanwhile_is_not_confirmed(
    recovery: Recovery, accounts: Accounts, people: People, person: Person
) -> None:
    email = new_email()
    await accounts.update(*person.ids, ProfileChange(email=email, current_password=PASSWORD))
    await people.join(email)
    with pytest.raises(EmailInUse):
        await recovery.verify(await people.mailed(person.account.id, "change"), PHONE)
    assert await accounts.profile(*person.ids) == person.account


async def test_the_database_holds_no_token(people: People, person: Person) -> None:
    token = await people.mailed(person.account.id, "verify")
    kept = await people.rows("SELECT * FROM mail_tokens")
    assert token not in str(kept) + str(await queued(people, LINK_TASK))


async def test_a_link_that_got_lost_is_mailed_again(
    recovery: Recovery, people: People, person: Person, database: Database
) -> None:
    first = await people.mailed(person.account.id, "verify")
    await recovery.resend(*person.ids)
    assert await people.mailed(person.account.id, "verify") == first, "not within the same minute"
    await a_minute_passes(database, person)
    await recovery.resend(*person.ids)
    second = await people.mailed(person.account.id, "verify")
    with pytest.raises(InvalidLink):
        await recovery.verify(first, PHONE)
    await recovery.verify(second, PHONE)


async def test_who_changes_their_address_is_mailed_that_link_again(
    recovery: Recovery, accounts: Accounts, people: People, person: Person, database: Database
) -> None:
    address = new_email()
    await accounts.update(*person.ids, ProfileChange(email=address, current_password=PASSWORD), PHONE)
    await a_minute_passes(database, person)
    await recovery.resend(*person.ids)
    await recovery.verify(await people.mailed(person.account.id, "change"), PHONE)
    assert (await accounts.profile(*person.ids)).email == address


async def test_who_has_nothing_to_confirm_is_mailed_nothing(recovery: Recovery, people: People, person: Person) -> None:
    await recovery.verify(await people.mailed(person.account.id, "verify"), PHONE)
    before = len(await queued(people, LINK_TASK))
    await recovery.resend(*person.ids)
    assert len(await queued(people, LINK_TASK)) == before


async def test_a_session_that_has_ended_has_nothing_mailed(
    recovery: Recovery, sessions: Sessions, person: Person
) -> None:
    await sessions.end(person.credentials.session_id)
    with pytest.raises(Unauthenticated):
        await recovery.resend(*person.ids)


async def a_minute_passes(database: Database, person: Person) -> None:
    """Makes the mails of somebody older."""
    async with database.transaction() as connection:
        statement = text("UPDATE mail_tokens SET created_at = created_at - interval '61 s' WHERE user_id = :id")
        await connection.execute(statement, {"id": person.account.id})
