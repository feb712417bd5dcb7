"""Who waits in this process for what any process does with a job, and what the database announces of it."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

TELLING = "telling "
"""What an announcement says instead of a state, with what is told behind it."""


@dataclass(eq=False)
class Waiter:
    """Waits for a job."""

    job_id: str
    states: frozenset[str] | None
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    told: str = ""
    """What was told of the job last, unless it was missed."""


class Waiters:
    """All who wait here."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[Waiter]] = defaultdict(set)
        self.hurried = False
        """Nobody is to wait any longer for a job to finish."""

    @contextlib.contextmanager
    def waiting(self, job_id: str, states: frozenset[str] | None = None) -> Iterator[Waiter]:
        """Somebody who hears when the job comes to one of these states, or to any, or is deleted."""
        waiter = Waiter(job_id, states)
        self._waiting[job_id].add(waiter)
        try:
            yield waiter
        finally:
            self._waiting[job_id].discard(waiter)
            if not self._waiting[job_id]:
                del self._waiting[job_id]

    def hurry(self) -> None:
        """Has nobody wait any longer for a job to finish: this process is about to end."""
        self.hurried = True
        self.heard("")

    def heard(self, announced: str) -> None:
        """Takes an announcement: a job's id and its state, or what is told of it, or nothing."""
        job_id, _, state = announced.partition(" ")
        # An empty one is a new connection: anything may have changed before it.
        waiting = self._waiting.get(job_id, set()) if job_id else set().union(*self._waiting.values())
        for waiter in waiting:
            if state.startswith(TELLING):
                waiter.told = state.removeprefix(TELLING)
            elif not state or waiter.states is None or state in waiter.states or state == "gone":
                waiter.changed.set()
