"""A stand-in over real HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from sandbox.engines.inside import Inside, running


@pytest.fixture(scope="session")
async def one_inside() -> AsyncIterator[Inside]:
    """The session's stand-in."""
    async with running() as inside:
        yield inside


@pytest.fixture
async def inside(one_inside: Inside) -> AsyncIterator[Inside]:
    """The stand-in as after its start."""
    yield one_inside
    one_inside.sandbox.reset()
