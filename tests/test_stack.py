"""Starting on one machine: what a person is told when it cannot be, and what is cleared away before."""

import socket
import stat
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from sandbox import secrets
from sandbox.stack import Stack, StackError, free_ports, stop_leftovers
from services.kit import embedded


def test_a_port_in_use_is_one_clear_sentence(data_dir: Path) -> None:
    ports = free_ports()
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", ports["media"]))
        busy.listen()
        with pytest.raises(StackError, match=rf"^Port {ports['media']}, which media needs, is in use\."):
            Stack(data_dir, ports).start()


def test_a_service_that_cannot_start_is_named_with_its_reason_and_nothing_stays_running(data_dir: Path) -> None:
    stack = Stack(data_dir, free_ports(), extra={"billing": {"STRIPE_WEBHOOK_SECRET": ""}})
    with pytest.raises(
        StackError, match=r"billing stopped with exit code 1: .*STRIPE_WEBHOOK_SECRET must not be empty"
    ):
        stack.start()
    assert not stack.processes
    embedded.stop(data_dir)


def test_a_half_written_database_is_made_anew(data_dir: Path) -> None:
    half = data_dir / "postgres"
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")
    embedded.start(data_dir)
    assert embedded.service_url(data_dir, "auth").startswith("postgresql://auth@/auth?host=")
    embedded.stop(data_dir)


def test_processes_that_an_earlier_start_left_behind_are_stopped(data_dir: Path) -> None:
    stack = Stack(data_dir, free_ports())
    stack.launch("orphan", [sys.executable, "-c", "import time; time.sleep(600)"], {})
    orphan = stack.processes["orphan"]
    assert stop_leftovers(data_dir)
    assert not psutil.pid_exists(orphan.pid)
    assert not stop_leftovers(data_dir)


def test_a_process_that_only_has_the_number_of_an_earlier_one_is_left_alone(data_dir: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as stranger:
        started = psutil.Process(stranger.pid).create_time()
        (data_dir / "pids.json").write_text(f'{{"{stranger.pid}": {started - 60}}}')
        assert not stop_leftovers(data_dir)
        assert stranger.poll() is None
        stranger.kill()


def test_secrets_are_made_once_and_only_their_owner_can_read_them(data_dir: Path) -> None:
    file = data_dir / "secrets.json"
    first = secrets.load(file)
    assert secrets.load(file) == first
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(set(first.values())) == len(first)
