"""The stand-in for the providers."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sandbox.engines.inside import Inside, running
from sandbox.engines.vertex import service_account


@pytest.fixture(scope="session")
async def one_inside() -> AsyncIterator[Inside]:
    """The session's stand-in."""
    async with running() as inside:
        yield inside


@pytest.fixture
async def inside(one_inside: Inside) -> AsyncIterator[Inside]:
    """The stand-in as after its start, but for FASHN's limits."""
    await one_inside.knobs(limits=False)
    yield one_inside
    one_inside.sandbox.reset()


@pytest.fixture(scope="session")
def account(tmp_path_factory: pytest.TempPathFactory, one_inside: Inside) -> Path:
    """A service account's key file whose tokens come from the stand-in."""
    path = tmp_path_factory.mktemp("google") / "account.json"
    path.write_text(json.dumps(service_account(one_inside.url)))
    return path
