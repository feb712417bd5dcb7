from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from services.auth.accounts import Accounts
from services.auth.keys import Keys
from services.auth.passwords import Passwords
from services.auth.sessions import SessionLimits, Sessions
from services.auth.tests.people import People, make_accounts
from services.auth.tests.service import KEY_SECRET, Auth, Billing, running
from services.kit import tasks
from services.kit.database import Database, migrate
from services.kit.tests.credentials import ISSUER, ServiceKeys

MIGRATIONS = Path(__file__).parent.parent / "migrations"
LIMITS = SessionLimits(idle=timedelta(days=7), absolute=timedelta(days=30), grace=timedelta(seconds=30))

MakeSessions = Callable[[SessionLimits], Sessions]


@pytest.fixture(scope="session")
async def database(database_url: Callable[[str], str]) -> AsyncIterator[Database]:
    """The service's own database, migrated; tests keep apart by using users of their own."""
    url = database_url("auth")
    await migrate(url, MIGRATIONS)
    await tasks.install(url)
    db = Database(url, pool=40)
    yield db
    await db.close()


@pytest.fixture(scope="session")
async def keys(database: Database) -> Keys:
    """The keys that access tokens are signed with."""
    keys = Keys(database, KEY_SECRET, ISSUER, lifetime_seconds=900)
    await keys.load()
    return keys


@pytest.fixture(scope="session")
def make_sessions(database: Database, keys: Keys) -> MakeSessions:
    """Makes the same sessions under other limits."""
    return lambda limits: Sessions(database, keys, "what successors are derived from", limits)


@pytest.fixture(scope="session")
def sessions(make_sessions: MakeSessions) -> Sessions:
    """Sessions with the limits of production."""
    return make_sessions(LIMITS)


@pytest.fixture(scope="session")
def passwords() -> Passwords:
    """Passwords at bcrypt's lowest cost: what is tested is around it."""
    return Passwords("pepper", cost=4)


@pytest.fixture(scope="session")
def accounts(database: Database, passwords: Passwords, sessions: Sessions) -> Accounts:
    """Accounts whose data three other services hold."""
    return make_accounts(database, passwords, sessions)


@pytest.fixture
def people(database: Database, accounts: Accounts) -> People:
    """Opens accounts."""
    return People(database, accounts)


@pytest.fixture(scope="session")
async def auth(database: Database) -> AsyncIterator[Auth]:
    """The running service, with a billing service beside it."""
    keys = ServiceKeys()
    billing = Billing(keys.of("billing"))
    async with billing.serving() as address, running(database.url, keys, billing, address) as auth:
        yield auth
