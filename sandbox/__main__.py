"""`python -m sandbox run` starts the whole system on this machine; `stop` stops what is left of an earlier start.

`demo` fills an account with pictures and opens the browser on a try-on, in a system that runs or that it starts.
"""

import os
import shutil
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from sandbox import demo as demonstration
from sandbox import samples
from sandbox.stack import ROOT, Stack, StackError, preferred_ports, stop_leftovers
from services.kit import embedded

DATA = Path(os.environ.get("DATA_DIR", ROOT / ".data"))


def main(arguments: list[str]) -> int:
    """Runs the command; the exit status is 0 when all went well."""
    match arguments:
        case ["run"]:
            return run()
        case ["demo"]:
            return run(demo=True)
        case ["stop"]:
            return stop()
        case _:
            sys.stderr.write("usage: python -m sandbox run|demo|stop\n")
            return 2


def run(*, demo: bool = False) -> int:
    """Starts, tells where to go, and waits for Ctrl-C."""
    port = int(os.environ.get("PORT", "8080"))
    url = f"http://localhost:{port}"
    if demo and demonstration.answers(url):
        return _show(url)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    # Without a frontend of its own the gateway's page is the one that payments come back to.
    frontend = os.environ.get("FRONTEND_URL") or url
    stack = Stack(DATA, preferred_ports(port), frontend)
    started = time.monotonic()
    print("Starting Drape …", flush=True)
    try:
        stack.start()
        person, outfit = samples.write(DATA / "samples")
        print(_welcome(stack, time.monotonic() - started, person, outfit), flush=True)
        if demo and _show(stack.url):
            return 1
        while (problem := stack.failed()) is None:
            time.sleep(0.5)
        raise StackError(problem)
    except KeyboardInterrupt:
        print("\nStopping …", flush=True)
        return 0
    except StackError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    finally:
        stack.stop()


def _show(url: str) -> int:
    try:
        demonstration.show(url)
    except demonstration.DemoError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def stop() -> int:
    """Stops the processes of an earlier start, and its database."""
    print("Stopped." if stop_leftovers(DATA) else "Nothing was running.")
    if (DATA / "postgres.complete").exists():
        embedded.stop(DATA)
    return 0


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _welcome(stack: Stack, seconds: float, person: Path, outfit: Path) -> str:
    template = (Path(__file__).parent / "welcome.txt").read_text()
    values = {"URL": stack.url, "SECONDS": f"{seconds:.1f}", "LOGS": _short(stack.data_dir / "logs")}
    values |= {"PERSON": _short(person), "OUTFIT": _short(outfit), "INBOX": f"http://localhost:{stack.ports['mail']}/"}
    for name, value in values.items():
        template = template.replace(f"@{name}@", value)
    return template if shutil.which("curl") else template + "\n(curl is not installed here: apt install curl)\n"


def _short(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
