"""What the tests of all services share: a real PostgreSQL server, with a database for each of them."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from services.kit import embedded


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The data folder of a running embedded server."""
    folder = tmp_path_factory.mktemp("cluster")
    embedded.start(folder)
    yield folder
    embedded.stop(folder)


@pytest.fixture(scope="session")
def database_url(cluster: Path) -> Callable[[str], str]:
    """Makes an empty database that belongs to a role of the same name, and returns its URL."""
    return lambda name: embedded.service_url(cluster, name)
