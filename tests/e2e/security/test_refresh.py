"""Refresh tokens rotate in families: a race of browsers gives one lineage, an old token ends the family."""

import asyncio
from collections.abc import Callable
from http.cookies import SimpleCookie

import httpx
import pytest

from sandbox.stack import Stack
from tests.e2e.browser import Browser
from tests.e2e.contract import assert_refused
from tests.e2e.faults import rows

REFRESH = "/api/auth/refresh"
AGE = "UPDATE sessions SET {} = now() - make_interval(secs => $2) WHERE user_id = $1"


def _refresh(stack: Stack, token: str) -> httpx.Response:
    return httpx.post(f"{stack.url}{REFRESH}", headers={"cookie": f"refresh_token={token}"})


def _child(answer: httpx.Response) -> str:
    assert answer.status_code == 200, answer.text
    return next(
        cookie["refresh_token"].value
        for cookie in map(SimpleCookie, answer.headers.get_list("set-cookie"))
        if "refresh_token" in cookie
    )


def _age(stack: Stack, user: Browser, column: str, seconds: float) -> None:
    rows(stack, "auth", AGE.format(column), user.user_id, seconds)


def test_twenty_refreshes_at_once_are_one_lineage_and_no_logout(stack: Stack, user: Browser) -> None:
    parent = user.cookies["refresh_token"]

    async def race() -> list[httpx.Response]:
        async with httpx.AsyncClient(base_url=stack.url, timeout=30) as client:
            headers = {"cookie": f"refresh_token={parent}"}
            return list(await asyncio.gather(*(client.post(REFRESH, headers=headers) for _ in range(20))))

    children = {_child(answer) for answer in asyncio.run(race())}
    assert len(children) == 1
    assert _child(_refresh(stack, children.pop()))


def test_the_parent_gives_the_same_child_within_the_window(stack: Stack, user: Browser) -> None:
    parent = user.cookies["refresh_token"]
    child = _child(_refresh(stack, parent))
    _age(stack, user, "rotated_at", 25)
    assert _child(_refresh(stack, parent)) == child


def test_the_parent_after_the_window_ends_the_family(stack: Stack, user: Browser) -> None:
    parent = user.cookies["refresh_token"]
    child = _child(_refresh(stack, parent))
    _age(stack, user, "rotated_at", 31)
    assert_refused(_refresh(stack, parent), 401)
    assert_refused(_refresh(stack, child), 401)


def test_a_grandparent_ends_the_family_at_once(stack: Stack, user: Browser) -> None:
    grandparent = user.cookies["refresh_token"]
    child = _child(_refresh(stack, _child(_refresh(stack, grandparent))))
    assert_refused(_refresh(stack, grandparent), 401)
    assert_refused(_refresh(stack, child), 401)


def test_another_session_of_the_same_user_goes_on(
    stack: Stack, user: Browser, again: Callable[[Browser], Browser]
) -> None:
    other = again(user)
    grandparent = user.cookies["refresh_token"]
    _refresh(stack, _child(_refresh(stack, grandparent)))
    assert_refused(_refresh(stack, grandparent), 401)
    assert _child(_refresh(stack, other.cookies["refresh_token"]))


@pytest.mark.parametrize(("column", "days"), [("rotated_at", 7), ("created_at", 30)])
def test_a_session_ends_after_7_days_of_rest_and_after_30_days(
    stack: Stack, user: Browser, column: str, days: int
) -> None:
    _age(stack, user, column, days * 86400 - 60)
    child = _child(_refresh(stack, user.cookies["refresh_token"]))
    _age(stack, user, column, days * 86400 + 60)
    assert_refused(_refresh(stack, child), 401)


def test_refresh_tokens_are_opaque_and_kept_as_hashes(stack: Stack, user: Browser) -> None:
    token = user.cookies["refresh_token"]
    assert "." not in token
    kept = str(rows(stack, "auth", "SELECT s::text FROM sessions s WHERE user_id = $1", user.user_id))
    assert token not in kept
    assert token.encode().hex() not in kept


@pytest.mark.parametrize("token", ["", "x", "A" * 43, "A" * 4000, "%00"])
def test_an_invented_refresh_token_is_refused(stack: Stack, token: str) -> None:
    assert_refused(_refresh(stack, token), 401)
