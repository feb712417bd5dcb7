from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from services.billing import catalog
from services.billing.checkout import Checkouts
from services.billing.ledger import Ledger
from services.billing.payments import Payments
from services.billing.tests.books import assert_books_balance
from services.billing.tests.shop import FRONTEND, Shop
from services.billing.tests.stripe_sandbox import SECRET_KEY, WEBHOOK_SECRET, StripeSandbox, running_sandbox
from services.billing.webhooks import Webhooks
from services.kit import tasks
from services.kit.database import Database, migrate
from services.kit.ids import new_id

MIGRATIONS = Path(__file__).parent.parent / "migrations"
SIGNUP_CREDITS = 5


@pytest.fixture(scope="session")
async def database(database_url: Callable[[str], str]) -> AsyncIterator[Database]:
    """The service's own database, migrated; tests keep apart by using users of their own."""
    url = database_url("billing")
    await migrate(url, MIGRATIONS)
    await tasks.install(url)
    db = Database(url, pool=40)
    yield db
    await db.close()


@pytest.fixture(autouse=True)
async def _books(database: Database) -> AsyncIterator[None]:
    """Whatever a test has done, the books balance after it."""
    yield
    await assert_books_balance(database)


@pytest.fixture
def ledger(database: Database) -> Ledger:
    """A ledger that grants five credits at sign-up."""
    return Ledger(database, SIGNUP_CREDITS)


@pytest.fixture
def user() -> str:
    """A user whom the ledger does not know yet."""
    return new_id()


@pytest.fixture(scope="session")
async def shared_sandbox() -> AsyncIterator[StripeSandbox]:
    """The one sandbox of the session."""
    async with running_sandbox() as sandbox:
        yield sandbox


@pytest.fixture
async def sandbox(shared_sandbox: StripeSandbox) -> StripeSandbox:
    """A sandbox in which nothing has happened."""
    await shared_sandbox.reset()
    return shared_sandbox


@pytest.fixture
def shop(database: Database, ledger: Ledger, sandbox: StripeSandbox) -> Shop:
    """What sells credits, with the sandbox in the place of Stripe."""
    goods = catalog.load()
    payments = Payments(SECRET_KEY, WEBHOOK_SECRET, FRONTEND, sandbox.url, timeout=5)
    checkouts = Checkouts(database, ledger, payments, goods)
    webhooks = Webhooks(database, ledger, checkouts, payments, goods)
    return Shop(database, sandbox, ledger, payments, checkouts, webhooks)
