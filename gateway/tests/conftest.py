from collections.abc import Iterator

import pytest

from gateway.tests.envoys import Gateway, Recorder, recording, running


@pytest.fixture(scope="session")
def recorded() -> Iterator[tuple[Recorder, int]]:
    """What stands for every service behind the gateway, and its port."""
    with recording() as found:
        yield found


@pytest.fixture(scope="session")
def gateway(recorded: tuple[Recorder, int]) -> Iterator[Gateway]:
    """An Envoy with the defaults."""
    with running(recorded[1], RATE_LIMIT="off") as found:
        yield found


@pytest.fixture
def recorder(recorded: tuple[Recorder, int]) -> Recorder:
    """The service behind the gateway, with an empty memory."""
    recorded[0].called.clear()
    return recorded[0]
