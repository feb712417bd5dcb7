"""`python -m services.media.picture_worker`: the inside of the pool's processes. Not for people.

The parent sends one line of JSON and the open files that it is about; the answer is one line of JSON. The process
sees no name of a file, no secret and no network of ours, and what it can use is limited before it reads anything.
"""

import json
import os
import resource
import socket
import sys
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

_MESSAGE_BYTES = 4096
_LARGEST_FILE = 256 * 1024 * 1024


def main(memory_bytes: int) -> None:
    """Works until the parent goes away. `memory_bytes` is what a job may take beside what the program itself takes."""
    from services.media import pictures  # here, so that the limit is over what the libraries took

    control = socket.socket(fileno=0)
    _limit(memory_bytes)
    control.sendall(b'{"ready": true}\n')
    while True:
        message, files, _, _ = socket.recv_fds(control, _MESSAGE_BYTES, 2)
        if not message:
            return
        control.sendall(json.dumps(_answer(pictures, json.loads(message), files)).encode() + b"\n")


def _answer(pictures: Any, job: dict[str, Any], files: list[int]) -> dict[str, Any]:
    with ExitStack() as opened:
        source, *target = [opened.enter_context(os.fdopen(each, "rb+")) for each in files]
        try:
            source.seek(0)
            return {"picture": asdict(getattr(pictures, job.pop("do"))(source, *target, **job))}
        except pictures.Rejected as error:
            return {"reason": error.reason, "message": error.message, "metadata": error.metadata}
        except MemoryError:
            return {"too_much": "memory"}
        except Exception as error:  # noqa: BLE001 - whatever a decoder does, it is one upload that fails
            return {"failed": type(error).__name__}


def _limit(memory_bytes: int) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (_LARGEST_FILE, _LARGEST_FILE))
    with Path("/proc/self/statm").open() as status:  # Linux, as our images are
        mapped = int(status.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (mapped + memory_bytes, mapped + memory_bytes))
    os.nice(5)  # uploads wait for pixels, pages of pictures should not


if __name__ == "__main__":
    main(int(sys.argv[1]))
