"""The whole system, once for all end-to-end tests, and browsers to use it with."""

from collections.abc import Callable, Iterator
from uuid import uuid4

import httpx
import pytest

from sandbox.stack import Stack, free_ports

PASSWORD = "correct horse battery"

# The tests are about what is around bcrypt, and ask faster than any person.
SETTINGS = {"auth": {"BCRYPT_COST": "4"}, "gateway": {"RATE_LIMIT": "off"}}


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """PostgreSQL, the services, the sandbox and Envoy, on ports of their own."""
    running = Stack(tmp_path_factory.mktemp("stack"), free_ports(), extra=SETTINGS)
    running.start()
    yield running
    running.stop()


class Browser(httpx.Client):
    """A browser of one person: keeps cookies, knows its account."""

    user_id: str = ""
    email: str = ""


@pytest.fixture
def browser(stack: Stack) -> Iterator[Browser]:
    """A browser that nobody has signed in with."""
    with Browser(base_url=stack.url, timeout=120) as client:
        yield client


@pytest.fixture
def signed_up(stack: Stack) -> Iterator[Callable[[], Browser]]:
    """Makes browsers, each signed in to a new account."""
    clients: list[Browser] = []

    def make() -> Browser:
        client = Browser(base_url=stack.url, timeout=120)
        clients.append(client)
        client.email = f"{uuid4().hex}@example.com"
        answer = client.post("/api/auth/register", json={"email": client.email, "password": PASSWORD, "name": "Ann"})
        assert answer.status_code == 201, answer.text
        client.user_id = answer.json()["user"]["id"]
        return client

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def user(signed_up: Callable[[], Browser]) -> Browser:
    """A browser signed in to a new account."""
    return signed_up()
