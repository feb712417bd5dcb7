"""What the tests of all services share: a real PostgreSQL server, with a database for each of them."""

import logging
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from services.kit import embedded
from services.kit.rpc import UNDECLARED


@pytest.fixture(autouse=True)
def every_error_is_declared() -> Iterator[None]:
    """Fails a test in which a call answered with an error that its proto does not name."""
    seen: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: seen.append(str(vars(record))) if record.msg == UNDECLARED else None  # type: ignore[method-assign]
    logging.getLogger("rpc").addHandler(handler)
    yield
    logging.getLogger("rpc").removeHandler(handler)
    if seen:
        pytest.fail(f"{UNDECLARED}: {seen}")


@pytest.fixture(scope="session")
def make_data_dir() -> Iterator[Callable[[], Path]]:
    """Makes folders for embedded servers, deleted in the end.

    Not pytest's own: each of its sessions shuts the folder above from other users, and a server that root starts
    runs as another user.
    """
    made: list[Path] = []

    def make() -> Path:
        made.append(Path(tempfile.mkdtemp(prefix="drape-")))
        return made[-1]

    yield make
    for folder in made:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def data_dir(make_data_dir: Callable[[], Path]) -> Path:
    """A new folder for an embedded server."""
    return make_data_dir()


@pytest.fixture(scope="session")
def cluster(make_data_dir: Callable[[], Path]) -> Iterator[Path]:
    """The data folder of a running embedded server."""
    folder = make_data_dir()
    embedded.start(folder)
    embedded.stop(folder)
    # Every service's tests keep their connections, one service after the other, until the last is done.
    with (folder / "postgres" / "postgresql.auto.conf").open("a") as configuration:
        configuration.write("max_connections = 400\n")
    embedded.start(folder)
    yield folder
    embedded.stop(folder)


@pytest.fixture(scope="session")
def database_url(cluster: Path) -> Callable[[str], str]:
    """Makes an empty database that belongs to a role of the same name, and returns its URL."""
    return lambda name: embedded.service_url(cluster, name)
