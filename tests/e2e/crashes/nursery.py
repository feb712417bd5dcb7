"""Starts processes of the try-on service within a moment: they are forked from one that has imported them already.

Each child runs its module as `python -m` would, with an environment and a log of its own.
"""

import json
import os
import runpy
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any

from sandbox.stack import ROOT
from services.kit import failpoints

SERVICE, WORKER = "services.tryon", "services.tryon.worker"


class Child:
    """A process that the nursery has started."""

    def __init__(self, nursery: "Nursery", pid: int) -> None:
        self._nursery = nursery
        self.pid = pid

    def ended(self, seconds: float) -> int | None:
        """How it ended, as subprocess has it: a negative signal or a status; None when it is still there."""
        found: int | None = self._nursery.ask(wait=self.pid, seconds=seconds)
        return found

    def signal(self, number: int) -> None:
        """Sends it a signal."""
        os.kill(self.pid, number)

    def kill(self) -> None:
        """Kills it, if it is there."""
        if self.ended(0) is None:
            self.signal(signal.SIGKILL)
            self.ended(10)


class Nursery:
    """The process that others are forked from."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.e2e.crashes.nursery"],
            cwd=ROOT,
            env={"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'gen'}", "PATH": os.environ.get("PATH", "")},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._children: list[Child] = []

    def start(self, module: str, environment: dict[str, str], log: Path) -> Child:
        """A child at its beginning."""
        child = Child(self, self.ask(module=module, environment=environment, log=str(log)))
        self._children.append(child)
        return child

    def ask(self, **question: Any) -> Any:
        """What the process answers."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        """Ends it and all of its children."""
        for child in self._children:
            child.kill()
        self._process.communicate()


def _serve() -> None:
    import services.tryon.__main__
    import services.tryon.worker  # noqa: F401 - imported here, once, for all children

    warnings.simplefilter("ignore", RuntimeWarning)  # run_module: the module has been imported
    ended: dict[int, int] = {}
    for line in sys.stdin:
        question = json.loads(line)
        match question:
            case {"wait": int(pid), "seconds": seconds}:
                answer: Any = _wait(ended, pid, seconds)
            case {"names": True}:
                answer = failpoints.names()
            case _:
                answer = _fork(question)
        print(json.dumps(answer), flush=True)


def _fork(question: dict[str, Any]) -> int:
    if pid := os.fork():
        return pid
    os.setsid()
    output = os.open(question["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.environ.clear()
    os.environ.update(question["environment"])
    sys.argv[1:] = []
    status = 1
    try:
        runpy.run_module(question["module"], run_name="__main__", alter_sys=True)
        status = 0
    except SystemExit as end:
        print(end, flush=True)
    except BaseException as error:  # noqa: BLE001 - it is told elsewhere
        print(repr(error), flush=True)
    os._exit(status)


def _wait(ended: dict[int, int], pid: int, seconds: float) -> int | None:
    deadline = time.monotonic() + seconds
    while pid not in ended:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            ended[pid] = os.waitstatus_to_exitcode(status)
        elif time.monotonic() >= deadline:
            return None
        else:
            time.sleep(0.01)
    return ended[pid]


if __name__ == "__main__":
    _serve()
