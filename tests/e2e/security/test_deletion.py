"""Ten seconds after an account is deleted nothing of its owner is left, whoever was killed meanwhile."""

import re
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from sandbox.stack import Stack
from tests.e2e import pictures
from tests.e2e.browser import Browser
from tests.e2e.faults import kill, rows, start
from tests.e2e.fitting import ask, bring
from tests.e2e.polling import until
from tests.e2e.security.people import access_token

SECONDS = 10
TABLES = (
    "SELECT table_name::text FROM information_schema.tables "
    "WHERE table_schema = 'public' AND table_type = 'BASE TABLE' AND table_name NOT LIKE 'pgqueuer%'"
)
# The books stay, under an id that leads nowhere any more; so does that the account was deleted.
KEPT = {
    "auth": {"audit_log"},
    "billing": {"accounts", "grants", "entries", "holds", "checkouts", "stripe_events"},
    "media": set(),
    "tryon": set(),
}


def _traces(stack: Stack, service: str, *words: str) -> set[str]:
    """The tables of a service that hold one of the words anywhere."""
    pattern = "|".join(re.escape(word) for word in words)
    tables = {name for (name,) in rows(stack, service, TABLES)}
    return {
        table
        for table in tables
        if rows(stack, service, f'SELECT 1 FROM "{table}" t WHERE t::text ~* $1 LIMIT 1', pattern)  # noqa: S608
    }


def _files(stack: Stack) -> set[Path]:
    return {file for file in (stack.data_dir / "blobs").rglob("*") if file.is_file()}


def _left(stack: Stack, user: Browser) -> dict[str, set[str]]:
    left = {service: _traces(stack, service, user.user_id) - kept for service, kept in KEPT.items()}
    left["e-mail"] = {table for service in KEPT for table in _traces(stack, service, user.email)}
    return {where: what for where, what in left.items() if what}


def _check_nothing_is_left(stack: Stack, user: Browser, files: set[Path]) -> None:
    until("the services forget", lambda: not _left(stack, user), SECONDS)
    until("no file of the user is left", lambda: not _files(stack) - files, SECONDS)


def _live(stack: Stack, user: Browser) -> None:
    """Leaves something in every service."""
    ask(user, bring(user))
    user.upload(pictures.noise())
    user.post("/api/billing/checkout", json={"plan": "small", "type": "credits"})
    user.post("/api/auth/password/forgot", json={"email": user.email})


def test_nothing_is_left_in_any_service_or_store(stack: Stack, user: Browser) -> None:
    before = _files(stack)
    _live(stack, user)
    user.delete_account()
    _check_nothing_is_left(stack, user, before)


@pytest.mark.parametrize("victims", [("auth",), ("media",), ("tryon", "worker"), ("billing",)], ids=" and ".join)
def test_nothing_is_left_when_one_is_killed_meanwhile(stack: Stack, user: Browser, victims: tuple[str, ...]) -> None:
    before = _files(stack)
    _live(stack, user)
    user.delete_account()
    for victim in victims:
        kill(stack, victim)
    start(stack, *victims)
    _check_nothing_is_left(stack, user, before)


def test_who_is_still_uploading_with_a_token_of_before_leaves_nothing(stack: Stack, user: Browser) -> None:
    before = _files(stack)
    token = access_token(user)
    stop = threading.Event()

    def upload() -> None:
        headers = {"authorization": f"Bearer {token}"}
        with httpx.Client(base_url=stack.url, headers=headers, timeout=30) as client:
            while not stop.is_set():
                files = {"image": ("photo", pictures.noise())}
                client.post("/api/images/upload", data={"type": "user"}, files=files)

    threads = [threading.Thread(target=upload) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        until("uploads are under way", lambda: len(user.images()) > 3)
        user.delete_account()
        _check_nothing_is_left(stack, user, before)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    _check_nothing_is_left(stack, user, before)


def test_an_upload_that_began_before_and_ends_after_is_refused(stack: Stack, user: Browser) -> None:
    before = _files(stack)
    token = access_token(user)
    head = b'--x\r\nContent-Disposition: form-data; name="type"\r\n\r\nuser\r\n--x\r\n'
    head += b'Content-Disposition: form-data; name="image"; filename="photo"\r\n\r\n'
    gone = threading.Event()

    def body() -> Iterator[bytes]:
        yield head
        user.delete_account()
        headers = {"authorization": f"Bearer {token}"}
        refused = lambda: httpx.get(f"{stack.url}/api/images", headers=headers).status_code == 401  # noqa: E731
        until("the token is refused", refused, 5)
        gone.set()
        yield pictures.noise() + b"\r\n--x--\r\n"

    headers = {"authorization": f"Bearer {token}", "content-type": "multipart/form-data; boundary=x"}
    answer = httpx.post(f"{stack.url}/api/images/upload", content=body(), headers=headers, timeout=60)
    assert gone.is_set()
    assert answer.status_code == 401
    _check_nothing_is_left(stack, user, before)


def test_the_books_stay_without_personal_data_and_balance(stack: Stack, user: Browser) -> None:
    _live(stack, user)
    user.delete_account()
    closed = "SELECT available, held FROM accounts WHERE user_id = $1 AND closed_at IS NOT NULL"
    until("the account is closed", lambda: rows(stack, "billing", closed, user.user_id), SECONDS)
    total = rows(stack, "billing", "SELECT sum(amount) FROM entries WHERE user_id = $1", user.user_id)
    assert total[0][0] == rows(stack, "billing", closed, user.user_id)[0][0]
    assert not _traces(stack, "billing", user.email)
