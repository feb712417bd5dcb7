"""Registering and signing in."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from services.auth.devices import Device
from services.auth.errors import InvalidCredentials, InvalidEmail, InvalidPassword, UserAlreadyExists
from services.auth.passwords import Passwords
from services.auth.sessions import Sessions
from services.auth.tests.people import PASSWORD, PHONE, People, make_accounts, new_email
from services.kit.database import Database
from services.kit.errors import InvalidArgument, Unauthenticated
from services.kit.ids import new_id


async def test_registering_opens_an_account_and_a_session(people: People, sessions: Sessions) -> None:
    email = new_email()
    person = await people.join(email, "Ann")
    assert (person.account.email, person.account.name) == (email, "Ann")
    assert await people.accounts.profile(*person.ids) == person.account
    assert (await sessions.refresh(person.credentials.refresh_token)).user_id == person.account.id


@pytest.mark.parametrize("name", [None, ""])
async def test_a_name_may_be_left_out(people: People, name: str | None) -> None:
    assert (await people.join(name=name)).account.name is None


async def test_an_email_is_kept_as_it_was_written(people: People) -> None:
    email = f"Ann.{new_id()}@Example.com"
    person = await people.join(f"  {email} ")
    assert person.account.email == email.replace("Example", "example")


@pytest.mark.parametrize("change", [str.upper, str.title, lambda email: f" {email} "])
async def test_an_email_is_taken_however_it_is_written(people: People, change: Callable[[str], str]) -> None:
    email = new_email()
    await people.join(email)
    with pytest.raises(UserAlreadyExists, match="User already exists"):
        await people.join(change(email))


async def test_of_8_who_register_one_email_at_once_one_gets_it(people: People) -> None:
    email = new_email()
    results = await asyncio.gather(*(people.join(email) for _ in range(8)), return_exceptions=True)
    assert sum(isinstance(result, UserAlreadyExists) for result in results) == 7
    opened = "SELECT 1 FROM users LEFT JOIN sessions ON sessions.user_id = users.id WHERE email = :email"
    assert len(await people.rows(opened, email=email)) == 1


@pytest.mark.parametrize(
    "email",
    ["ann", "ann@", "@example.com", "ann@example", "ann@exam ple.com", "ann@@example.com", "a\x00nn@example.com", " "],
)
async def test_what_is_no_email_is_refused(people: People, email: str) -> None:
    with pytest.raises(InvalidEmail, match="valid email"):
        await people.accounts.register(email, PASSWORD, None, PHONE)


async def test_a_name_that_cannot_be_stored_is_refused(people: People) -> None:
    with pytest.raises(InvalidArgument):
        await people.accounts.register(new_email(), PASSWORD, "Ann\x00", PHONE)


@pytest.mark.parametrize("password", ["a" * 7, "a" * 129])
async def test_a_password_of_the_wrong_length_opens_no_account(people: People, password: str) -> None:
    email = new_email()
    with pytest.raises(InvalidPassword):
        await people.accounts.register(email, password, None, PHONE)
    assert await people.rows("SELECT 1 FROM users WHERE email = :email", email=email) == []


async def test_the_password_is_not_kept(people: People) -> None:
    person = await people.join()
    kept = await people.rows("SELECT * FROM users WHERE id = :id", id=person.account.id)
    assert PASSWORD not in str(kept)


async def test_what_a_browser_says_of_itself_may_be_long(people: People) -> None:
    _, credentials = await people.accounts.register(new_email(), PASSWORD, None, Device("x" * 5000, "y" * 500))
    assert credentials.session_id


async def test_signing_in_opens_another_session(people: People) -> None:
    person = await people.join()
    account, credentials = await people.accounts.login(person.account.email, PASSWORD, PHONE)
    assert account == person.account
    assert credentials.session_id != person.credentials.session_id
    assert len(await people.sessions_of(account.id)) == 2


@pytest.mark.parametrize("change", [str.upper, str.title, lambda email: f" {email} "])
async def test_signing_in_compares_emails_without_case(people: People, change: Callable[[str], str]) -> None:
    person = await people.join()
    account, _ = await people.accounts.login(change(person.account.email), PASSWORD, PHONE)
    assert account == person.account


@pytest.mark.parametrize(
    ("registered", "shown"),
    [
        ("{}@bücher.example", "{}@xn--bcher-kva.example"),
        ("{}@xn--bcher-kva.example", "{}@BÜCHER.example"),
        ("é{}@example.com", "e\u0301{}@example.com"),
        ("E\u0301{}@example.com", "é{}@example.com"),
    ],
    ids=["punycode", "capital umlaut", "decomposed", "composed"],
)
async def test_one_address_written_in_two_ways_is_one(people: People, registered: str, shown: str) -> None:
    someone = new_id()
    person = await people.join(registered.format(someone))
    account, _ = await people.accounts.login(shown.format(someone), PASSWORD, PHONE)
    assert account == person.account


@pytest.mark.parametrize("password", ["", "wrong", PASSWORD.upper(), PASSWORD + " ", "x" * 10_000, "\x00"])
async def test_a_wrong_password_is_refused(people: People, password: str) -> None:
    person = await people.join()
    with pytest.raises(InvalidCredentials, match="Invalid credentials"):
        await people.accounts.login(person.account.email, password, PHONE)
    assert len(await people.sessions_of(person.account.id)) == 1


@pytest.mark.parametrize("email", ["nobody@example.com", "", "ann", "a\x00nn@example.com", "x" * 10_000])
async def test_an_unknown_email_is_refused_as_a_wrong_password_is(people: People, email: str) -> None:
    with pytest.raises(InvalidCredentials, match="Invalid credentials"):
        await people.accounts.login(email, PASSWORD, PHONE)


class Watched(Passwords):
    """Passwords that remember what they were asked to verify."""

    def __init__(self) -> None:
        super().__init__("pepper", cost=4)
        self.verified: list[tuple[str, bool]] = []

    async def verify(self, password: str, password_hash: str | None) -> bool:
        self.verified.append((password, password_hash is not None))
        return await super().verify(password, password_hash)


@pytest.mark.parametrize("email", ["nobody@example.com", "ann"])
async def test_a_password_is_verified_even_when_nobody_has_the_email(
    database: Database, sessions: Sessions, email: str
) -> None:
    passwords = Watched()
    accounts = make_accounts(database, passwords, sessions)
    with pytest.raises(InvalidCredentials):
        await accounts.login(email, PASSWORD, PHONE)
    assert passwords.verified == [(PASSWORD, False)]


async def test_a_profile_is_shown_only_while_its_session_lasts(people: People, sessions: Sessions) -> None:
    person, other = await people.join(), await people.join()
    await sessions.end(person.credentials.session_id)
    for user_id, session_id in (person.ids, (person.account.id, other.credentials.session_id), (new_id(), new_id())):
        with pytest.raises(Unauthenticated, match="Invalid or expired token"):
            await people.accounts.profile(user_id, session_id)
    assert await people.accounts.profile(*other.ids) == replace(other.account)
