"""The whole system, once for all end-to-end tests, and browsers to use it with."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import jwt
import pytest

from sandbox import secrets
from sandbox.stack import Stack, free_ports
from services.auth.keys import Keys
from services.kit import embedded
from services.kit.database import Database
from tests.e2e.audit import Audit
from tests.e2e.browser import Browser
from tests.e2e.fitting import GENERATE, KEY, TryOn, bring
from tests.e2e.stripe import Stripe

# The tests are about what is around bcrypt, and ask faster than any person.
SETTINGS = {"auth": {"BCRYPT_COST": "4", "THROTTLE": "off"}, "gateway": {"RATE_LIMIT": "off"}}


@pytest.fixture(scope="session")
def stack(make_data_dir: Callable[[], Path]) -> Iterator[Stack]:
    """PostgreSQL, the services, the sandbox and Envoy, on ports of their own."""
    running = Stack(make_data_dir(), free_ports(), extra=dict(SETTINGS))
    running.start(timeout_seconds=120)
    yield running
    running.stop()
    embedded.stop(running.data_dir)


@pytest.fixture(scope="session")
def stripe(stack: Stack) -> Iterator[Stripe]:
    """The stack's sandbox of Stripe."""
    controls = Stripe(stack)
    yield controls
    controls.close()


@pytest.fixture(scope="session")
def audit(stack: Stack) -> Audit:
    """Who audits the stack's books."""
    return Audit(stack)


@pytest.fixture(autouse=True)
def _books(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whatever credits a test has moved, the audit finds nothing wrong after it."""
    audit: Audit | None = request.getfixturevalue("audit") if "stack" in request.fixturenames else None
    yield
    if audit:
        audit.check()


@pytest.fixture
def browser(stack: Stack) -> Iterator[Browser]:
    """A browser that nobody has signed in with."""
    with Browser(stack.url) as client:
        yield client


@pytest.fixture
def browsers(stack: Stack) -> Iterator[Callable[[], Browser]]:
    """Makes browsers that nobody has signed in with."""
    with ExitStack() as open_browsers:
        yield lambda: open_browsers.enter_context(Browser(stack.url))


@pytest.fixture
def signed_up(browsers: Callable[[], Browser]) -> Callable[[], Browser]:
    """Makes browsers, each signed in to a new account."""
    return lambda: browsers().sign_up()


@pytest.fixture
def user(signed_up: Callable[[], Browser]) -> Browser:
    """A browser signed in to a new account."""
    return signed_up()


@pytest.fixture(scope="session")
def tryon(stack: Stack) -> Iterator[TryOn]:
    """One picture that was asked for with an idempotency key and an option that nobody knows."""
    with Browser(stack.url) as user:
        form = bring(user.sign_up()) | {"category": "tops", "seed": 7, "style": "bold"}
        yield TryOn(user, form, user.post(f"{GENERATE}?debug=1", json=form, headers={"idempotency-key": KEY}))


@pytest.fixture(scope="session")
def expired(stack: Stack) -> Callable[[str], str]:
    """Turns an access token into one of the same session that ended an hour ago."""
    secret = secrets.load(stack.data_dir / "secrets.json")["KEY_ENCRYPTION_SECRET"]
    database = Database(embedded.service_url(stack.data_dir, "auth"), pool=1)
    keys = Keys(database, secret, "drape", -3600)

    async def load() -> None:
        await keys.load()
        await database.close()

    asyncio.run(load())

    def age(token: str) -> str:
        claims = jwt.decode(token, options={"verify_signature": False})
        return keys.access_token(claims["sub"], claims["sid"])

    return age
