"""Passwords: bcrypt over a keyed pre-hash, so that every character counts and nothing is cut at 72 bytes."""

import asyncio
import base64
import hmac
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import bcrypt

from services.auth.errors import InvalidPassword

T = TypeVar("T")

MIN_CHARACTERS = 8
MAX_CHARACTERS = 128


def check_new_password(password: str) -> None:
    """Raises InvalidPassword when the password has less than 8 or more than 128 characters."""
    if len(password) < MIN_CHARACTERS:
        raise InvalidPassword(f"Password must be at least {MIN_CHARACTERS} characters")
    if len(password) > MAX_CHARACTERS:
        raise InvalidPassword(f"Password must be at most {MAX_CHARACTERS} characters")


class Passwords:
    """Hashes and verifies passwords, in threads of its own: bcrypt releases the interpreter's lock."""

    def __init__(self, pepper: str, cost: int = 12) -> None:
        self._pepper = pepper.encode()
        self._cost = cost
        self._threads = ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="bcrypt")
        # Verified in place of the hash of an account that does not exist, so that both take the same time.
        self._nobody = bcrypt.hashpw(self._prehash("nobody"), bcrypt.gensalt(cost)).decode()

    async def hash(self, password: str) -> str:
        """The hash to keep."""
        return await self._run(lambda: bcrypt.hashpw(self._prehash(password), bcrypt.gensalt(self._cost)).decode())

    async def verify(self, password: str, password_hash: str | None) -> bool:
        """Whether the password is the one; with no hash to compare it is not, in the same time."""
        known = password_hash or self._nobody
        matches = await self._run(lambda: bcrypt.checkpw(self._prehash(password), known.encode()))
        return bool(matches and password_hash)

    def _prehash(self, password: str) -> bytes:
        # 48 bytes, 64 characters in base64: below bcrypt's 72 and free of the zero bytes it stops at.
        return base64.b64encode(hmac.digest(self._pepper, password.encode(), "sha384"))

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)
