"""Has pictures read and written in processes of their own, each within limits of time and memory.

A picture that hangs, kills or bloats its process costs that one upload; the next one gets a new process.
"""

import asyncio
import json
import logging
import os
import socket
import subprocess
import sys
import tempfile
import time
from typing import Any, BinaryIO

from services.media import metrics
from services.media.errors import Busy, PictureRejected
from services.media.picture import Picture

log = logging.getLogger(__name__)

_START_SECONDS = 30
_ANSWER_BYTES = 64 * 1024
# The process gets what it needs to find its code, and none of our secrets.
_ENVIRONMENT = ("PATH", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "LANG", "TMPDIR")


class WorkerLost(Exception):
    """The process was killed, or had to be because its time was over."""


class PicturePool:
    """Runs the functions of `pictures.py`. Files are read from their start and written from theirs."""

    def __init__(self, workers: int, seconds: float, memory_bytes: int, waiting: int) -> None:
        """Each job may take `seconds` and `memory_bytes`; `waiting` jobs may stand in line beside those at work."""
        self._seconds = seconds
        self._memory_bytes = memory_bytes
        self._room = workers + waiting
        self._places = asyncio.Semaphore(workers)
        self._workers = {_Worker(memory_bytes) for _ in range(workers)}
        self._idle = list(self._workers)
        self._jobs: set[asyncio.Task[dict[str, Any]]] = set()
        self._closed = False

    async def normalize(self, source: BinaryIO) -> tuple[Picture, BinaryIO]:
        """An upload in its normal form, as a file. Raises PictureRejected, Busy."""
        return await self._written({"do": "normalize"}, source)

    async def derive(self, source: BinaryIO, width: int, content_type: str) -> tuple[Picture, BinaryIO]:
        """A smaller copy in another format, as a file. Raises PictureRejected, Busy."""
        return await self._written({"do": "derive", "width": width, "content_type": content_type}, source)

    async def inspect(self, source: BinaryIO) -> Picture:
        """What a picture is. Raises PictureRejected, Busy."""
        return await self._done({"do": "inspect"}, source)

    async def close(self) -> None:
        """Ends the processes, whatever they are at."""
        self._closed = True
        for worker in self._workers:
            worker.kill()
        await asyncio.gather(*self._jobs, return_exceptions=True)
        for worker in self._workers:
            await asyncio.to_thread(worker.end)

    @property
    def pids(self) -> list[int]:
        """The processes' ids, for whoever measures them."""
        return [worker.pid for worker in self._workers]

    async def _written(self, job: dict[str, Any], source: BinaryIO) -> tuple[Picture, BinaryIO]:
        target: BinaryIO = tempfile.TemporaryFile()  # noqa: SIM115 - the caller's
        try:
            picture = await self._done(job, source, target)
            target.seek(0)
        except BaseException:
            target.close()
            raise
        return picture, target

    async def _done(self, job: dict[str, Any], *files: BinaryIO) -> Picture:
        if not self._room:
            raise Busy("Too many pictures are being uploaded right now. Please try again in a moment.")
        self._room -= 1
        # Copies, because the caller may be cancelled and close its files while the process still reads them.
        copies: list[int] = []
        try:
            copies.extend(os.dup(file.fileno()) for file in files)
            await self._places.acquire()
        except BaseException:
            _close(copies)
            self._room += 1
            raise
        working = asyncio.create_task(self._work(job, copies))
        self._jobs.add(working)
        working.add_done_callback(self._ended)
        answer = await asyncio.shield(working)
        if found := answer.get("picture"):
            return Picture(**found)
        raise _refusal(answer)

    def _ended(self, working: "asyncio.Task[dict[str, Any]]") -> None:
        self._jobs.discard(working)
        self._places.release()
        self._room += 1
        if not working.cancelled():
            working.exception()  # is seen here also when nobody waits any more

    async def _work(self, job: dict[str, Any], files: list[int]) -> dict[str, Any]:
        worker = self._idle.pop()
        started = time.perf_counter()
        try:
            if not worker.alive:
                worker = await self._replaced(worker)
            return await worker.do(job, files, self._seconds)
        except WorkerLost as error:
            log.warning("a picture has cost its process", extra={"why": str(error)})
            worker = await self._replaced(worker)
            return {"too_much": str(error)}
        finally:
            _close(files)
            self._idle.append(worker)
            metrics.decoding_seconds.record(time.perf_counter() - started, {"job": job["do"]})

    async def _replaced(self, worker: "_Worker") -> "_Worker":
        await asyncio.to_thread(worker.end)
        self._workers.discard(worker)
        fresh = await asyncio.to_thread(_Worker, self._memory_bytes)
        self._workers.add(fresh)
        if self._closed:
            fresh.kill()
        return fresh


class _Worker:
    """One process and the socket to it. Starting takes no time; its first job waits until it is there."""

    def __init__(self, memory_bytes: int) -> None:
        self._socket, theirs = socket.socketpair()
        environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        # A new program rather than a fork: gRPC's threads do not survive one.
        self._process = subprocess.Popen(
            [sys.executable, "-m", "services.media.picture_worker", str(memory_bytes)],
            stdin=theirs.fileno(),
            env=environment | {"MALLOC_ARENA_MAX": "2", "PYTHONDONTWRITEBYTECODE": "1"},
        )
        theirs.close()
        self._socket.setblocking(False)
        self._ready = False

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    async def do(self, job: dict[str, Any], files: list[int], seconds: float) -> dict[str, Any]:
        """The answer to one job. Raises WorkerLost."""
        if not self._ready:
            self._ready = bool((await self._line(_START_SECONDS))["ready"])
        try:
            socket.send_fds(self._socket, [json.dumps(job).encode()], files)
        except OSError as error:
            raise WorkerLost("process") from error
        return await self._line(seconds)

    def kill(self) -> None:
        """Kills the process: it holds nothing that anybody needs."""
        self._process.kill()

    def end(self) -> None:
        """Kills the process and waits until it is gone."""
        self._process.kill()
        self._process.wait()
        self._socket.close()

    async def _line(self, seconds: float) -> dict[str, Any]:
        line = b""
        try:
            async with asyncio.timeout(seconds):
                while not line.endswith(b"\n"):
                    part = await asyncio.get_running_loop().sock_recv(self._socket, _ANSWER_BYTES)
                    if not part:
                        raise WorkerLost("process")
                    line += part
            answer: dict[str, Any] = json.loads(line)
        except TimeoutError as error:
            raise WorkerLost("time") from error
        except (OSError, ValueError) as error:
            raise WorkerLost("process") from error
        return answer


def _close(files: list[int]) -> None:
    for file in files:
        os.close(file)


def _refusal(answer: dict[str, Any]) -> PictureRejected:
    if reason := answer.get("reason"):
        return PictureRejected(reason, answer["message"], **answer["metadata"])
    if limit := answer.get("too_much"):
        return PictureRejected(
            "IMAGE_TOO_COMPLEX", "This image takes too much to be read. Please choose another one.", limit=limit
        )
    log.error("a picture could not be read for a reason we do not know", extra={"error": answer.get("failed")})
    return PictureRejected("IMAGE_DAMAGED", "The image is damaged. Please choose another one.")
