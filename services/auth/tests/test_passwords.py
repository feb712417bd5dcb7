"""Passwords: every character counts, and nobody's hash is checked as everybody's is."""

import threading
from collections.abc import Callable
from typing import TypeVar

import bcrypt
import pytest

from services.auth.errors import InvalidPassword
from services.auth.passwords import Passwords, check_new_password

T = TypeVar("T")


async def test_the_right_password_and_no_other_is_the_one(passwords: Passwords) -> None:
    known = await passwords.hash("correct horse")
    assert await passwords.verify("correct horse", known)
    for wrong in ("", "correct horse ", "Correct horse", "correct", "correct horse\x00"):
        assert not await passwords.verify(wrong, known), wrong


@pytest.mark.parametrize("position", [0, 1, 17, 18, 40, 62, 63])
async def test_each_of_64_four_byte_characters_counts(passwords: Passwords, position: int) -> None:
    right = "🧥" * 64
    known = await passwords.hash(right)
    assert await passwords.verify(right, known)
    assert not await passwords.verify(right[:position] + "🧦" + right[position + 1 :], known)


async def test_nothing_is_cut_off_after_72_bytes(passwords: Passwords) -> None:
    known = await passwords.hash("a" * 72 + "b")
    assert await passwords.verify("a" * 72 + "b", known)
    for other in ("a" * 72, "a" * 72 + "c", "a" * 72 + "bb"):
        assert not await passwords.verify(other, known)


async def test_nothing_is_cut_off_at_a_zero(passwords: Passwords) -> None:
    known = await passwords.hash("before\x00after")
    assert await passwords.verify("before\x00after", known)
    assert not await passwords.verify("before\x00other", known)


async def test_one_password_has_another_hash_each_time(passwords: Passwords) -> None:
    hashes = [await passwords.hash("correct horse") for _ in range(2)]
    assert hashes[0] != hashes[1]
    assert [await passwords.verify("correct horse", known) for known in hashes] == [True, True]


async def test_a_hash_is_worth_nothing_without_the_pepper(passwords: Passwords) -> None:
    known = await passwords.hash("correct horse")
    assert not await Passwords("another pepper", cost=4).verify("correct horse", known)
    assert not bcrypt.checkpw(b"correct horse", known.encode())


async def test_the_cost_is_the_one_that_was_set() -> None:
    assert (await Passwords("pepper", cost=5).hash("correct horse")).startswith("$2b$05$")


class Counted(Passwords):
    """Passwords that count how often bcrypt is set to work."""

    work = 0

    async def _run(self, work: Callable[[], T]) -> T:
        self.work += 1
        return await super()._run(work)


@pytest.mark.parametrize("shown", ["", "nobody", "correct horse"])
async def test_with_no_hash_to_compare_no_password_is_right_and_the_work_is_the_same(shown: str) -> None:
    passwords = Counted("pepper", cost=4)
    known = await passwords.hash("correct horse")
    before = passwords.work
    await passwords.verify(shown, known)
    with_hash = passwords.work - before
    assert not await passwords.verify(shown, None)
    assert passwords.work - before - with_hash == with_hash == 1


async def test_the_work_is_done_beside_the_event_loop() -> None:
    before = set(threading.enumerate())
    passwords = Passwords("pepper", cost=4)
    await passwords.verify("correct horse", None)
    assert any(thread.name.startswith("bcrypt") for thread in set(threading.enumerate()) - before)


@pytest.mark.parametrize("password", ["zqxjvkwp", "🧥" * 8, "a" * 128, "🧥" * 128, "       8"])
def test_a_password_has_8_to_128_characters(password: str) -> None:
    check_new_password(password)


@pytest.mark.parametrize(
    ("password", "message"),
    [
        ("", "Password must be at least 8 characters"),
        ("a" * 7, "Password must be at least 8 characters"),
        ("🧥" * 7, "Password must be at least 8 characters"),
        ("a" * 129, "Password must be at most 128 characters"),
    ],
)
def test_a_password_of_another_length_is_refused(password: str, message: str) -> None:
    with pytest.raises(InvalidPassword, match=message):
        check_new_password(password)
