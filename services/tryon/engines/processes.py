"""Runs the local engine in processes of its own: the event loop stays free, and a crash takes no job but its own."""

import asyncio
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection
from multiprocessing.queues import Queue
from pathlib import Path
from threading import Thread
from types import FrameType
from typing import Any, TypeVar

from services.kit import telemetry
from services.kit.ids import new_id
from services.tryon.engines.base import EngineFailed, InputProblem, NotForThisEngine, Options, Result, Task
from services.tryon.engines.local import engine as local_engine

T = TypeVar("T")

_PREPARED_SHARE = 0.3
"""How much of the picture is done when both photos are understood; what comes after is `generating`."""

_TICKET_BYTES = 36
_CANCELED_SLOTS = 64

# Nothing is wrong with such pictures that another engine might not cope with.
_BEYOND_THIS_ENGINE = ("LEGS_BENT", "GARMENT_CROPPED", "GARMENT_HIDDEN", "WEARER_NOT_STANDING")

# Per process: loaded once, when it starts.
_engine: local_engine.LocalEngine
_events: "Queue[tuple[str, str, float]]"
_canceled: Any
_at_work = ""
"""The ticket of the picture that is being made."""

_CANCEL_SIGNAL = signal.SIGUSR1
_LOOKS_EVERY = 0.02  # seconds


def _start(model_dir: str, threads: int, events: "Queue[tuple[str, str, float]]", canceled: Any) -> None:
    global _engine, _events, _canceled
    _canceled = canceled
    Thread(target=_end_with_parent, daemon=True).start()
    signal.signal(_CANCEL_SIGNAL, _stop)
    Thread(target=_watch_for_cancel, daemon=True).start()
    _events = events
    _engine = local_engine.LocalEngine(Path(model_dir), threads)
    _engine.prepare()


def _end_with_parent() -> None:
    """A worker that is killed cannot stop its pool; without this its processes would wait for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


def _watch_for_cancel() -> None:
    """Interrupts the main thread at work on a picture that nobody wants any more, in the middle of whatever step."""
    main = threading.main_thread().ident
    while main is not None:
        time.sleep(_LOOKS_EVERY)
        if _is_canceled(_at_work):
            signal.pthread_kill(main, _CANCEL_SIGNAL)


def _is_canceled(ticket: str) -> bool:
    return bool(ticket) and ticket.encode() in _canceled.get_obj().raw


def _stop(_signal: int, _frame: FrameType | None) -> None:
    # The picture may have been finished, or another begun, since the signal was sent.
    if _is_canceled(_at_work):
        raise local_engine.Canceled


def _generate(ticket: str, person: bytes, garment: bytes, options: local_engine.Options) -> local_engine.Picture:
    global _at_work

    def progress(step: str, done: float) -> None:
        _events.put((ticket, step, done))

    _at_work = ticket
    try:
        if _is_canceled(ticket):
            raise local_engine.Canceled
        return _engine.generate(person, garment, options, progress)
    finally:
        _at_work = ""


def _check(person: bytes | None, garment: bytes | None) -> list[local_engine.InputProblem]:
    return _engine.check(person, garment)


class LocalProcesses:
    """The local engine as one of the engines of the chain."""

    name = "local"

    def __init__(self, model_dir: str, workers: int, threads: int) -> None:
        self._context = multiprocessing.get_context("spawn")
        self._arguments = (model_dir, threads)
        self._workers = workers
        self._pool: ProcessPoolExecutor | None = None
        self._events: Queue[tuple[str, str, float]] = self._context.Queue()
        # The last tickets that were canceled, as text beside text, for the processes to look at.
        self._canceled: Any = self._context.Array("c", _CANCELED_SLOTS * _TICKET_BYTES)
        self._cancel_count = 0
        self._listeners: dict[str, Callable[[float], None]] = {}
        Thread(target=self._relay, daemon=True, name="engine-progress").start()

    async def prepare(self) -> None:
        """Starts the processes and loads the models. Raises EngineFailed."""
        await asyncio.gather(*(self.check(None, None) for _ in range(self._workers)))

    async def generate(self, task: Task, deadline: float) -> Result:
        """Makes a picture before the deadline. Raises InputProblem, EngineFailed."""
        ticket = new_id()
        loop = asyncio.get_running_loop()

        def tell(done: float) -> None:
            stage = "preparing" if done < _PREPARED_SHARE else "generating"
            loop.call_soon_threadsafe(lambda: asyncio.ensure_future(task.progress(stage, done)))

        self._listeners[ticket] = tell
        try:
            async with asyncio.timeout_at(deadline):
                picture = await self._run(_generate, ticket, task.person, task.garment, _local_options(task.options))
        except TimeoutError as error:
            self._cancel(ticket)
            raise EngineFailed("the local engine made no picture in time") from error
        except local_engine.ResultNotGoodEnough as error:
            raise NotForThisEngine(
                "RESULT_NOT_GOOD_ENOUGH",
                "We could not make a convincing picture from these two photos. Please try others.",
            ) from error
        except asyncio.CancelledError:
            self._cancel(ticket)
            raise
        finally:
            del self._listeners[ticket]
        return Result(picture.data, picture.content_type, picture.score)

    async def check(self, person: bytes | None, garment: bytes | None) -> list[InputProblem]:
        """All that would keep a picture from being made. Raises EngineFailed."""
        return [_problem(error) for error in await self._run(_check, person, garment)]

    async def close(self) -> None:
        """Ends the processes at once: what they were at is begun again elsewhere."""
        pool, self._pool = self._pool, None
        if pool is not None:
            # Asked, each would finish what it is at, if only loading the models; and our own end waits for theirs.
            processes = list((pool._processes or {}).values())
            pool.shutdown(wait=False, cancel_futures=True)
            for process in processes:
                process.kill()

    async def _run(self, call: Callable[..., T], *arguments: Any) -> T:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(
                self._workers, self._context, _start, (*self._arguments, self._events, self._canceled)
            )
        pool = self._pool
        try:
            with telemetry.span(f"local process {call.__name__.strip('_')}"):
                future: Future[T] = pool.submit(call, *arguments)
                return await asyncio.wrap_future(future)
        except local_engine.InputProblem as error:
            raise _problem(error) from error
        except BrokenProcessPool as error:
            if self._pool is pool:  # unless another call has replaced it
                self._pool = None
            raise EngineFailed("a process of the local engine has died") from error
        except (ArithmeticError, LookupError, ValueError, RuntimeError, OSError) as error:
            raise EngineFailed(f"the local engine failed: {error!r}") from error

    def _cancel(self, ticket: str) -> None:
        start = self._cancel_count % _CANCELED_SLOTS * _TICKET_BYTES
        self._canceled.get_obj()[start : start + _TICKET_BYTES] = ticket.encode()
        self._cancel_count += 1

    def _relay(self) -> None:
        while True:
            ticket, _, done = self._events.get()
            if listener := self._listeners.get(ticket):
                listener(done)


def _local_options(options: Options) -> local_engine.Options:
    return local_engine.Options(
        category=options.category,  # type: ignore[arg-type]
        garment_photo_type=options.garment_photo_type,  # type: ignore[arg-type]
        seed=options.seed,
        output_format=options.output_format,  # type: ignore[arg-type]
    )


def _problem(error: local_engine.InputProblem) -> InputProblem:
    kind = NotForThisEngine if error.reason in _BEYOND_THIS_ENGINE else InputProblem
    return kind(error.reason, error.message, error.which, error.where)
