"""Passwords: bcrypt over a keyed pre-hash, so that every character counts and nothing is cut at 72 bytes."""

import asyncio
import base64
import hmac
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import TypeVar

import bcrypt

from services.auth.errors import InvalidPassword

T = TypeVar("T")

MIN_CHARACTERS = 8
MAX_CHARACTERS = 128
_COMMON = Path(__file__).with_name("common_passwords.txt")
_COMMON_HEADER_LINES = 3
# Below everything else of this process: somebody else's sign-in makes nobody's profile wait.
_NICENESS = 10


def check_new_password(password: str) -> None:
    """Raises InvalidPassword when it has less than 8 or more than 128 characters, or is among the commonest."""
    if len(password) < MIN_CHARACTERS:
        raise InvalidPassword(f"Password must be at least {MIN_CHARACTERS} characters")
    if len(password) > MAX_CHARACTERS:
        raise InvalidPassword(f"Password must be at most {MAX_CHARACTERS} characters")
    if password.lower() in common_passwords():
        raise InvalidPassword("This password is too common. Please choose one that is harder to guess.")


@cache
def common_passwords() -> frozenset[str]:
    """The commonest passwords of 8 characters and more, in lower case."""
    return frozenset(_COMMON.read_text(encoding="utf-8").splitlines()[_COMMON_HEADER_LINES:])


class Passwords:
    """Hashes and verifies passwords, in threads of its own: bcrypt releases the interpreter's lock."""

    def __init__(self, pepper: str, cost: int = 12) -> None:
        self._pepper = pepper.encode()
        self._cost = cost
        self._threads = ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="bcrypt", initializer=_yield_to_all)
        # Verified in place of the hash of an account that does not exist, so that both take the same time.
        self._nobody = self._hash("nobody", cost)

    async def hash(self, password: str) -> str:
        """The hash to keep."""
        return await self._run(lambda: self._hash(password, self._cost))

    async def verify(self, password: str, password_hash: str | None) -> bool:
        """Whether the password is the one; with no hash to compare it is not, in the same time."""
        known = password_hash or self._nobody
        matches = await self._run(lambda: self._check(password, known))
        return bool(matches and password_hash)

    def outdated(self, password_hash: str) -> bool:
        """Whether the hash was made at another cost than is asked for now."""
        return _cost_of(password_hash) != self._cost

    def _check(self, password: str, known: str) -> bool:
        if bcrypt.checkpw(self._prehash(password), known.encode()):
            return True
        # A cheaper hash of old would tell by its speed that the account exists. Each step costs twice the one before
        # it, so these make up the difference exactly.
        for cost in range(_cost_of(known), self._cost):
            self._hash("nobody", cost)
        return False

    def _hash(self, password: str, cost: int) -> str:
        return bcrypt.hashpw(self._prehash(password), bcrypt.gensalt(cost)).decode()

    def _prehash(self, password: str) -> bytes:
        # 48 bytes, 64 characters in base64: below bcrypt's 72 and free of the zero bytes it stops at.
        return base64.b64encode(hmac.digest(self._pepper, password.encode(), "sha384"))

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def _cost_of(password_hash: str) -> int:
    """The cost in `$2b$12$…`."""
    return int(password_hash.split("$")[2])


def _yield_to_all() -> None:
    if hasattr(os, "setpriority"):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
