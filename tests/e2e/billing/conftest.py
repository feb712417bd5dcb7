import os
import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest

from sandbox.stack import ROOT, Stack
from services.kit import embedded
from tests.e2e.billing.shopper import Shopper
from tests.e2e.browser import Browser


@pytest.fixture
def stripe_pages(stack: Stack) -> Iterator[httpx.Client]:
    """Stripe's pages and controls."""
    with httpx.Client(base_url=f"http://localhost:{stack.ports['stripe']}", trust_env=False, timeout=30) as client:
        yield client


@pytest.fixture
def shopper(user: Browser, stripe_pages: httpx.Client) -> Shopper:
    """A person with a new account."""
    return Shopper(user, stripe_pages)


@pytest.fixture(autouse=True)
def _books(stack: Stack) -> Iterator[None]:
    """Whatever a test has done, the audit finds nothing after it."""
    yield
    database = {"DATABASE_URL": embedded.service_url(stack.data_dir, "billing")}
    command = [sys.executable, "-m", "services.billing", "audit"]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | database, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
