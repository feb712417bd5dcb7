"""What happens while a password is being verified, which takes its time."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from services.auth.accounts import Accounts, ProfileChange
from services.auth.errors import InvalidCredentials, WrongCurrentPassword
from services.auth.passwords import Passwords
from services.auth.recovery import Recovery
from services.auth.sessions import Sessions
from services.auth.tests.people import PASSWORD, PHONE, People, Person, make_accounts
from services.kit.database import Database

NEW = "another horse battery"


class Meanwhile(Passwords):
    """Passwords that take so long that something else is done meanwhile, once."""

    def __init__(self, do: Callable[[], Awaitable[object]]) -> None:
        super().__init__("pepper", cost=4)
        self._do: Callable[[], Awaitable[object]] | None = do

    async def verify(self, password: str, password_hash: str | None) -> bool:
        if (do := self._do) is not None:
            self._do = None
            await do()
        return await super().verify(password, password_hash)


@pytest.fixture
async def person(people: People) -> Person:
    """Somebody who has just registered."""
    return await people.join()


async def test_a_sign_in_with_a_password_that_is_changed_meanwhile_opens_nothing(
    database: Database, accounts: Accounts, sessions: Sessions, people: People, person: Person
) -> None:
    change = ProfileChange(password=NEW, current_password=PASSWORD)
    slow = make_accounts(database, Meanwhile(lambda: accounts.update(*person.ids, change)), sessions)
    with pytest.raises(InvalidCredentials):
        await slow.login(person.account.email, PASSWORD, PHONE)
    assert [row.id for row in await people.sessions_of(person.account.id)] == [person.credentials.session_id]


async def test_a_password_that_is_reset_meanwhile_is_not_changed_with_the_old_one(
    database: Database, accounts: Accounts, sessions: Sessions, recovery: Recovery, people: People, person: Person
) -> None:
    async def reset() -> None:
        await recovery.mail_reset({"email": person.account.email})
        await recovery.reset(await people.mailed(person.account.id, "reset"), NEW, PHONE)

    slow = make_accounts(database, Meanwhile(reset), sessions)
    with pytest.raises(WrongCurrentPassword):
        await slow.update(*person.ids, ProfileChange(password="yet another one", current_password=PASSWORD))
    assert (await accounts.login(person.account.email, NEW, PHONE))[0] == person.account


async def test_sign_ins_at_once_that_replace_an_old_hash_all_succeed(
    database: Database, sessions: Sessions, person: Person
) -> None:
    dearer = make_accounts(database, Passwords("pepper", cost=5), sessions)
    signed_in = await asyncio.gather(*(dearer.login(person.account.email, PASSWORD, PHONE) for _ in range(5)))
    assert {account for account, _ in signed_in} == {person.account}
