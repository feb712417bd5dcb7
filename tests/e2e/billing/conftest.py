from collections.abc import Iterator

import httpx
import pytest

from sandbox.stack import Stack
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
