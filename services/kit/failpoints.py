"""Places at which a process can be told to die, so that a test can prove that nothing is lost when it does.

`DRAPE_FAILPOINT=store.before` in the environment kills the process, as kill -9 would, when it first comes there;
`store.before:stop` stops it as SIGSTOP does, until somebody lets it go on.
"""

import os
import signal
from types import TracebackType

_steps: dict[str, "Step"] = {}
_chosen = ""
_how = signal.SIGKILL


class Step:
    """A commit or a remote call. `async with` it there: one failpoint lies before it, one after it has come through."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        """Raises ValueError when there is a step of that name already."""
        if name in _steps:
            raise ValueError(f"there are two steps named {name}")
        _steps[name] = self
        self._name = name

    async def __aenter__(self) -> None:
        if _chosen:
            _reach(f"{self._name}.before")

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if _chosen and kind is None:
            _reach(f"{self._name}.after")


def names() -> list[str]:
    """Every failpoint of the modules that have been imported."""
    return [f"{step}.{side}" for step in _steps for side in ("before", "after")]


def choose(setting: str) -> None:
    """Has the process die or stop at a failpoint; empty is none. Raises ValueError when there is no such failpoint."""
    global _chosen, _how
    name, _, how = setting.partition(":")
    if name and name not in names():
        raise ValueError(f"DRAPE_FAILPOINT names {name}, which is none of {', '.join(names())}")
    _chosen, _how = name, signal.SIGSTOP if how == "stop" else signal.SIGKILL


def _reach(place: str) -> None:
    if place == _chosen:
        os.kill(os.getpid(), _how)
