"""Signing keys change under load and nobody notices; one that was retired is good for nothing."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import jwt
import pytest

from sandbox.stack import Stack
from tests.e2e.browser import Browser
from tests.e2e.faults import changed, rows
from tests.e2e.polling import until
from tests.e2e.security.admin import admin
from tests.e2e.security.people import access_token, statuses

LEAD = 8
LIFETIME = 6


@pytest.fixture(scope="module", autouse=True)
def _quick_keys(stack: Stack) -> Iterator[None]:
    """Keys that are published, used and retired within seconds."""
    with (
        changed(stack, "gateway", JWKS_SECONDS="1"),
        changed(stack, "auth", KEY_LEAD_SECONDS=str(LEAD), ACCESS_TOKEN_SECONDS=str(LIFETIME)),
    ):
        yield


def _published(stack: Stack) -> set[str]:
    return {key["kid"] for key in httpx.get(f"{stack.url}/.well-known/jwks.json").json()["keys"]}


def _signs(user: Browser) -> str:
    """The key that signs now."""
    assert user.post("/api/auth/refresh").status_code == 200
    return str(jwt.get_unverified_header(access_token(user))["kid"])


@contextmanager
def _load(stack: Stack, user: Browser) -> Iterator[list[int]]:
    """Requests of a signed-in browser to every service for as long as the block lasts; yields what was answered."""
    answered: list[int] = []
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            user.post("/api/auth/refresh")
            answered.extend(statuses(stack, access_token(user)).values())

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield answered
    finally:
        stop.set()
        thread.join()


def test_rotating_by_command_under_load_refuses_nobody_and_retires_the_old_key(
    stack: Stack, signed_up: Callable[[], Browser]
) -> None:
    user, busy = signed_up(), signed_up()
    old = _signs(user)
    with _load(stack, busy) as answered:
        new = admin(stack, "rotate-keys").split()[-1].rstrip(".")
        until("the new key is published", lambda: new in _published(stack), 5)
        assert _signs(user) == old, "it is published before it signs"
        until("the new key signs", lambda: _signs(user) == new, LEAD + 10)
        assert old in _published(stack), "tokens of the old one are still good"
        until("the old key is retired", lambda: old not in _published(stack), LIFETIME + 30)
    assert len(answered) > 20
    assert set(answered) == {200}
    kept = "SELECT kid FROM signing_keys WHERE kid = $1"
    until("its private half is deleted", lambda: not rows(stack, "auth", kept, old), 10)


def test_keys_rotate_by_themselves_when_they_are_old(stack: Stack, user: Browser) -> None:
    old = _signs(user)
    rows(stack, "auth", "UPDATE signing_keys SET created_at = now() - interval '31 days' WHERE kid = $1", old)
    until("another key is published", lambda: len(_published(stack)) > 1, 10)
    until("it signs", lambda: _signs(user) != old, LEAD + 10)


def test_keys_are_encrypted_at_rest(stack: Stack) -> None:
    for (kept,) in rows(stack, "auth", "SELECT private_key FROM signing_keys"):
        assert len(kept) > 32
        assert kept.startswith(b"gAAAA")  # Fernet: AES-128-CBC with HMAC-SHA256
