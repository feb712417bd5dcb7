"""A real browser against the whole system. Without Chromium all of this is one skip that says how to get it."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright, expect

from sandbox.stack import Stack, free_ports
from services.kit import embedded
from tests.browser.chromium import ARGUMENTS, executable
from tests.browser.inbox import Inbox
from tests.browser.person import Person
from tests.e2e.conftest import SETTINGS
from tests.e2e.conftest import expired as expired

expect.set_options(timeout=30_000)  # a machine that is busy is no fault of the page
MISSING = "Chromium is not installed: apt install chromium"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where there is no browser: one skip with the reason, instead of one for every test."""
    ours = [item for item in items if Path(__file__).parent in item.path.parents]
    if not ours or executable():
        return
    ours[0].add_marker(pytest.mark.skip(reason=MISSING))
    config.hook.pytest_deselected(items=ours[1:])
    items[:] = [item for item in items if item not in ours[1:]]


@pytest.fixture(scope="session")
def stack(make_data_dir: Callable[[], Path]) -> Iterator[Stack]:
    """The whole system, whose payments come back to the gateway's own page."""
    ports = free_ports()
    url = f"http://localhost:{ports['gateway']}"
    running = Stack(make_data_dir(), ports, url, extra=dict(SETTINGS))
    running.start(timeout_seconds=120)
    yield running
    running.stop()
    embedded.stop(running.data_dir)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """One browser for all tests; each person has a profile of their own in it."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable(), args=list(ARGUMENTS))
        yield browser
        await browser.close()


@pytest.fixture
def inbox(stack: Stack) -> Inbox:
    """Everybody's mails."""
    return Inbox(f"http://127.0.0.1:{stack.ports['mail']}")


Visit = Callable[..., Awaitable[Person]]


@pytest_asyncio.fixture(loop_scope="session")
async def visit(stack: Stack, chromium: Browser) -> AsyncIterator[Visit]:
    """Makes people with a fresh profile, who look at the page; the options are Playwright's."""
    async with AsyncExitStack() as open_profiles:

        async def come(signed_in: bool = True, **options: object) -> Person:
            context = await chromium.new_context(base_url=stack.url, accept_downloads=True, **options)  # type: ignore[arg-type]
            open_profiles.push_async_callback(context.close)
            context.set_default_timeout(30_000)
            person = Person(context, await context.new_page())
            open_profiles.callback(person.check_console)
            return await (person.arrive_signed_in() if signed_in else person.open("/"))

        yield come
