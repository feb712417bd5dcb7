"""Changing the profile: what is empty stays, and what matters needs the current password."""

from typing import Any

import pytest

from services.auth.accounts import Accounts, ProfileChange
from services.auth.errors import EmailInUse, InvalidCredentials, InvalidEmail, InvalidPassword, WrongCurrentPassword
from services.auth.recovery import Recovery
from services.auth.sessions import Sessions
from services.auth.tests.people import PASSWORD, PHONE, People, Person, new_email
from services.kit.errors import Unauthenticated

NEW = "another horse battery"


@pytest.fixture
async def person(people: People) -> Person:
    """Somebody called Ann."""
    return await people.join()


async def test_a_name_is_changed_without_a_password(accounts: Accounts, person: Person) -> None:
    changed = await accounts.update(*person.ids, ProfileChange(name="Bea"))
    assert (changed.name, changed.email) == ("Bea", person.account.email)
    assert await accounts.profile(*person.ids) == changed


@pytest.mark.parametrize("empty", [None, ""])
async def test_what_is_empty_stays_as_it_is(accounts: Accounts, person: Person, empty: str | None) -> None:
    assert await accounts.update(*person.ids, ProfileChange(empty, empty, empty, empty)) == person.account
    account, _ = await accounts.login(person.account.email, PASSWORD, PHONE)
    assert account == person.account


async def test_what_the_frontend_sends_back_unchanged_needs_no_password(accounts: Accounts, person: Person) -> None:
    change = ProfileChange(name="Bea", email=person.account.email, password="")
    assert (await accounts.update(*person.ids, change)).name == "Bea"


async def test_an_email_stays_until_the_new_one_is_confirmed(
    accounts: Accounts, recovery: Recovery, people: People, person: Person
) -> None:
    email = new_email()
    changed = await accounts.update(*person.ids, ProfileChange(email=email, current_password=PASSWORD))
    assert changed == person.account
    await recovery.verify(await people.mailed(person.account.id, "change"), PHONE)
    assert (await accounts.login(email, PASSWORD, PHONE))[0].email == email
    with pytest.raises(InvalidCredentials):
        await accounts.login(person.account.email, PASSWORD, PHONE)


async def test_a_password_is_changed_with_the_current_one(accounts: Accounts, person: Person) -> None:
    await accounts.update(*person.ids, ProfileChange(password=NEW, current_password=PASSWORD))
    assert (await accounts.login(person.account.email, NEW, PHONE))[0] == person.account
    with pytest.raises(InvalidCredentials):
        await accounts.login(person.account.email, PASSWORD, PHONE)


async def test_a_new_password_ends_all_other_sessions(accounts: Accounts, people: People, person: Person) -> None:
    for _ in range(2):
        await accounts.login(person.account.email, PASSWORD, PHONE)
    await accounts.update(*person.ids, ProfileChange(password=NEW, current_password=PASSWORD))
    assert [row.id for row in await people.sessions_of(person.account.id)] == [person.credentials.session_id]


async def test_a_new_name_or_email_ends_no_session(accounts: Accounts, people: People, person: Person) -> None:
    await accounts.login(person.account.email, PASSWORD, PHONE)
    change = ProfileChange(name="Bea", email=new_email(), current_password=PASSWORD)
    await accounts.update(*person.ids, change)
    assert len(await people.sessions_of(person.account.id)) == 2


@pytest.mark.parametrize("current", [None, "", "wrong", PASSWORD.upper()])
@pytest.mark.parametrize("change", [{"password": NEW}, {"email": "somebody.else@example.com"}])
async def test_what_matters_is_not_changed_without_the_right_password(
    accounts: Accounts, person: Person, change: dict[str, Any], current: str | None
) -> None:
    with pytest.raises(WrongCurrentPassword, match="Current password is incorrect"):
        await accounts.update(*person.ids, ProfileChange(name="Bea", **change, current_password=current))
    assert (await accounts.login(person.account.email, PASSWORD, PHONE))[0] == person.account


async def test_anothers_email_cannot_be_taken(accounts: Accounts, people: People, person: Person) -> None:
    other = await people.join()
    for email in (other.account.email, other.account.email.upper()):
        with pytest.raises(EmailInUse, match="Email already in use"):
            await accounts.update(*person.ids, ProfileChange(email=email, current_password=PASSWORD))
    assert await accounts.profile(*person.ids) == person.account


async def test_another_spelling_of_ones_own_email_needs_no_confirmation(accounts: Accounts, person: Person) -> None:
    email = person.account.email.upper().replace("EXAMPLE.COM", "example.com")
    await accounts.update(*person.ids, ProfileChange(email=email, current_password=PASSWORD))
    assert (await accounts.profile(*person.ids)).email == email


async def test_what_is_no_email_is_refused(accounts: Accounts, person: Person) -> None:
    with pytest.raises(InvalidEmail):
        await accounts.update(*person.ids, ProfileChange(email="ann", current_password=PASSWORD))


@pytest.mark.parametrize("password", ["a" * 7, "a" * 129])
async def test_a_password_of_the_wrong_length_is_refused(accounts: Accounts, person: Person, password: str) -> None:
    with pytest.raises(InvalidPassword):
        await accounts.update(*person.ids, ProfileChange(password=password, current_password=PASSWORD))


async def test_nothing_is_changed_after_the_session_has_ended(
    accounts: Accounts, sessions: Sessions, person: Person
) -> None:
    await sessions.end(person.credentials.session_id)
    with pytest.raises(Unauthenticated):
        await accounts.update(*person.ids, ProfileChange(name="Bea"))
    account, _ = await accounts.login(person.account.email, PASSWORD, PHONE)
    assert account.name == "Ann"
