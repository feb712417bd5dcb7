"""What the security tests share."""

from collections.abc import Callable, Iterator

import httpx
import pytest

from sandbox.stack import Stack
from tests.e2e.browser import Browser
from tests.e2e.security.inbox import Inbox
from tests.e2e.security.people import sign_in


@pytest.fixture
def inbox(stack: Stack) -> Iterator[Inbox]:
    """Everybody's mails."""
    with httpx.Client(base_url=f"http://127.0.0.1:{stack.ports['mail']}") as client:
        yield Inbox(client)


@pytest.fixture
def again(browsers: Callable[[], Browser]) -> Callable[[Browser], Browser]:
    """Makes browsers that are signed in to the account of another one."""
    return lambda user: sign_in(browsers(), user.email)
