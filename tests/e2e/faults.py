"""Stopping, killing and starting parts of the system."""

import asyncio
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import asyncpg
import psutil

from sandbox.stack import Stack
from services.kit import embedded
from tests.e2e.browser import fetch
from tests.e2e.polling import until


@contextmanager
def stopped(stack: Stack, *names: str) -> Iterator[None]:
    """Without some of the processes for as long as the block lasts."""
    for name in names:
        stack.processes[name].terminate()
    for name in names:
        stack.processes[name].wait(30)
    try:
        yield
    finally:
        start(stack, *names)


@contextmanager
def changed(stack: Stack, name: str, **settings: str) -> Iterator[None]:
    """With other settings of one process for as long as the block lasts."""
    before = stack.extra.get(name, {})
    with stopped(stack, name):
        stack.extra[name] = before | settings
    try:
        yield
    finally:
        with stopped(stack, name):
            stack.extra[name] = before


@contextmanager
def paused(stack: Stack, name: str) -> Iterator[None]:
    """With a process standing still for as long as the block lasts."""
    pid = stack.processes[name].pid
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def kill(stack: Stack, name: str) -> None:
    """Kills a process and its children at once, as a machine that loses its power does."""
    process = psutil.Process(stack.processes[name].pid)
    for victim in [process, *process.children(recursive=True)]:
        victim.kill()
    stack.processes[name].wait(10)


def start(stack: Stack, *names: str) -> None:
    """Starts processes again and waits until they, and the gateway, are ready."""
    for name in names:
        stack.restart(name)
    until("they listen", lambda: all(_listens(stack.ports[name]) for name in names), 30)
    until("the gateway is healthy", lambda: fetch(f"{stack.url}/health").status_code == 200, 30)


def rows(stack: Stack, service: str, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    """What a service's own database holds."""

    async def fetch() -> list[tuple[Any, ...]]:
        connection = await asyncpg.connect(embedded.service_url(stack.data_dir, service))
        try:
            return [tuple(row) for row in await connection.fetch(statement, *values)]
        finally:
            await connection.close()

    return asyncio.run(fetch())


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
