"""Who in this process waits for which run, and is told when its provider says that it has ended."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Iterator


class News:
    """Brings what webhooks say to those who wait."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[asyncio.Event]] = defaultdict(set)

    @staticmethod
    def about(engine: str, run: str) -> str:
        """What is told when that run has ended."""
        return f"{engine} {run}"

    @contextlib.contextmanager
    def of(self, engine: str, run: str) -> Iterator[asyncio.Event]:
        """An event that is set each time the provider says that the run has ended."""
        name, told = self.about(engine, run), asyncio.Event()
        self._waiting[name].add(told)
        try:
            yield told
        finally:
            self._waiting[name].discard(told)
            if not self._waiting[name]:
                del self._waiting[name]

    def heard(self, name: str) -> None:
        """Tells those who wait for it. Empty is a new connection, before which anything may have been said."""
        for told in self._waiting.get(name, ()) if name else set().union(*self._waiting.values()):
            told.set()
