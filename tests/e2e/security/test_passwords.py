"""Passwords: every character counts, the commonest are refused, a hash of another cost is replaced at sign-in."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from sandbox.stack import Stack
from tests.e2e.browser import PASSWORD, Browser
from tests.e2e.contract import assert_refused
from tests.e2e.faults import changed, rows
from tests.e2e.security.people import login

HASH = "SELECT password_hash FROM users WHERE id = $1"
COMMON = Path(__file__).parents[3] / "services" / "auth" / "common_passwords.txt"
TOO_COMMON = "This password is too common. Please choose one that is harder to guess."


def _register(browser: Browser, password: str) -> httpx.Response:
    return browser.post("/api/auth/register", json={"email": f"{uuid4().hex}@example.com", "password": password})


def test_every_character_of_64_four_byte_characters_counts(browsers: Callable[[], Browser]) -> None:
    password = "🔑" * 63
    email = f"{uuid4().hex}@example.com"
    form = {"email": email, "password": password + "🦊"}
    assert browsers().post("/api/auth/register", json=form).status_code == 201
    assert login(browsers(), email, password + "🐱").status_code == 401
    assert login(browsers(), email, password).status_code == 401
    assert login(browsers(), email, password + "🦊").status_code == 200


@pytest.mark.parametrize(("length", "status"), [(7, 400), (8, 201), (128, 201), (129, 400)])
def test_a_password_has_8_to_128_characters(browser: Browser, length: int, status: int) -> None:
    assert _register(browser, "ß€" * (length // 2) + "x" * (length % 2)).status_code == status


@pytest.mark.parametrize("password", ["password", "PassWord", "12345678", "qwertyuiop", "iloveyou", "Password123"])
def test_a_common_password_is_refused_whatever_its_case(browser: Browser, password: str) -> None:
    assert_refused(_register(browser, password), 400, TOO_COMMON)


def test_the_3000_commonest_of_a_length_that_is_allowed_are_refused(browser: Browser) -> None:
    common = COMMON.read_text().splitlines()[3:]
    assert len([word for word in common if len(word) >= 8]) >= 3000
    for word in common[:3000:100]:
        assert_refused(_register(browser, word), 400, TOO_COMMON)


def test_changing_to_a_common_password_is_refused_too(user: Browser) -> None:
    form = {"password": "password1", "currentPassword": PASSWORD}
    assert_refused(user.put("/api/user/profile", json=form), 400, TOO_COMMON)


def test_a_hash_is_replaced_at_sign_in_when_the_cost_has_changed(stack: Stack, user: Browser) -> None:
    assert rows(stack, "auth", HASH, user.user_id)[0][0].startswith("$2b$04$")
    with changed(stack, "auth", BCRYPT_COST="5"):
        assert login(user, user.email, "wrong password").status_code == 401
        assert rows(stack, "auth", HASH, user.user_id)[0][0].startswith("$2b$04$")
        assert login(user, user.email).status_code == 200
        assert rows(stack, "auth", HASH, user.user_id)[0][0].startswith("$2b$05$")
        assert login(user, user.email).status_code == 200


def test_hashing_does_not_block_other_requests(stack: Stack, user: Browser) -> None:
    headers = {"authorization": f"Bearer {user.cookies['access_token']}"}

    async def race() -> tuple[float, float]:
        async with httpx.AsyncClient(base_url=stack.url, timeout=60) as client:
            started = time.perf_counter()
            form = {"email": user.email, "password": "wrong password"}
            logins = asyncio.gather(*(client.post("/api/auth/login", json=form) for _ in range(4)))
            assert (await client.get("/api/auth/profile", headers=headers)).status_code == 200
            read = time.perf_counter() - started
            await logins
            return read, time.perf_counter() - started

    with changed(stack, "auth", BCRYPT_COST="13"):
        read, all_logins = asyncio.run(race())
    assert read < all_logins / 2
