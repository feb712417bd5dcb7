"""Deleting an account: gone at once here, and by durable tasks everywhere else."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest

from services.auth.accounts import FORGET_AFTER, FORGET_TASK, Accounts, ProfileChange
from services.auth.errors import InvalidCredentials, InvalidSession, WrongCurrentPassword
from services.auth.passwords import Passwords
from services.auth.sessions import Sessions
from services.auth.tests.people import HOLDERS, PASSWORD, PHONE, People, Person, make_accounts, new_email
from services.kit.database import Database
from services.kit.errors import Unauthenticated


@pytest.fixture
async def person(people: People) -> Person:
    """Somebody."""
    return await people.join()


async def forgetting(people: People, user_id: str) -> list[Any]:
    """The tasks that have other services forget the user."""
    rows = await people.rows("SELECT payload FROM pgqueuer WHERE entrypoint = :task", task=FORGET_TASK)
    payloads = [json.loads(row.payload) for row in rows]
    return [payload for payload in payloads if payload["user_id"] == user_id]


@pytest.mark.parametrize("password", [None, "", PASSWORD])
async def test_an_account_is_gone_at_once(
    accounts: Accounts, sessions: Sessions, person: Person, password: str | None
) -> None:
    await accounts.delete(*person.ids, password)
    with pytest.raises(Unauthenticated):
        await accounts.profile(*person.ids)
    with pytest.raises(InvalidSession):
        await sessions.refresh(person.credentials.refresh_token)
    with pytest.raises(InvalidCredentials):
        await accounts.login(person.account.email, PASSWORD, PHONE)


async def test_every_service_that_holds_data_is_told_to_forget_the_user(
    accounts: Accounts, people: People, person: Person
) -> None:
    await accounts.delete(*person.ids, PASSWORD)
    told = await forgetting(people, person.account.id)
    assert {payload["service"] for payload in told} == set(HOLDERS)
    assert len(told) == len(HOLDERS) * len(FORGET_AFTER)


async def test_a_deletion_that_cannot_tell_every_holder_does_not_happen(
    database: Database, passwords: Passwords, sessions: Sessions, people: People, person: Person
) -> None:
    no_name = cast("str", object())
    accounts = make_accounts(database, passwords, sessions, ("media", no_name))
    with pytest.raises(TypeError):
        await accounts.delete(*person.ids, PASSWORD)
    assert await forgetting(people, person.account.id) == []
    assert await accounts.profile(*person.ids) == person.account


async def test_a_wrong_password_deletes_nothing(accounts: Accounts, people: People, person: Person) -> None:
    with pytest.raises(WrongCurrentPassword):
        await accounts.delete(*person.ids, "wrong")
    assert await accounts.profile(*person.ids) == person.account
    assert await forgetting(people, person.account.id) == []


async def test_an_account_deleted_again_is_nobodys(accounts: Accounts, people: People, person: Person) -> None:
    await accounts.delete(*person.ids, None)
    with pytest.raises(Unauthenticated):
        await accounts.delete(*person.ids, None)
    assert len(await forgetting(people, person.account.id)) == len(HOLDERS) * len(FORGET_AFTER)


async def test_an_account_deleted_5_times_at_once_is_told_of_once(
    accounts: Accounts, people: People, person: Person
) -> None:
    await asyncio.gather(*(accounts.delete(*person.ids, None) for _ in range(5)), return_exceptions=True)
    assert len(await forgetting(people, person.account.id)) == len(HOLDERS) * len(FORGET_AFTER)


class Meanwhile(Passwords):
    """Passwords that take so long that the account is deleted meanwhile."""

    def __init__(self, accounts: Accounts, person: Person) -> None:
        super().__init__("pepper", cost=4)
        self._accounts = accounts
        self._person = person

    async def verify(self, password: str, password_hash: str | None) -> bool:
        await self._accounts.delete(*self._person.ids, None)
        return await super().verify(password, password_hash)


USES: dict[str, Callable[[Accounts, Person], Awaitable[object]]] = {
    "login": lambda accounts, person: accounts.login(person.account.email, PASSWORD, PHONE),
    "update": lambda accounts, person: accounts.update(
        *person.ids, ProfileChange(email=new_email(), current_password=PASSWORD)
    ),
    "delete": lambda accounts, person: accounts.delete(*person.ids, PASSWORD),
}


@pytest.mark.parametrize("use", USES.values(), ids=USES.keys())
async def test_an_account_deleted_while_its_password_is_verified_is_nobodys(
    database: Database,
    accounts: Accounts,
    sessions: Sessions,
    people: People,
    person: Person,
    use: Callable[[Accounts, Person], Awaitable[object]],
) -> None:
    slow = make_accounts(database, Meanwhile(accounts, person), sessions)
    with pytest.raises(Unauthenticated):
        await use(slow, person)
    assert await people.sessions_of(person.account.id) == []
    assert len(await forgetting(people, person.account.id)) == len(HOLDERS) * len(FORGET_AFTER)


async def test_the_email_of_a_deleted_account_is_free_again(accounts: Accounts, people: People, person: Person) -> None:
    await accounts.delete(*person.ids, None)
    again = await people.join(person.account.email)
    assert again.account.id != person.account.id
