"""Calls that arrive together go to the database together: one round trip and one commit for all of them.

A call that comes alone goes at once; those that come while the database works wait for its next turn. On one
account that takes the place of standing in line for its row.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

CallT = TypeVar("CallT")
AnswerT = TypeVar("AnswerT")

_AT_ONCE = 64
_UNDER_WAY = 2


class Batches(Generic[CallT, AnswerT]):
    """Collects calls of one kind for `run`, which answers as many as it is given, in their order."""

    def __init__(self, run: Callable[[Sequence[CallT]], Awaitable[Sequence[AnswerT]]]) -> None:
        self._run = run
        self._waiting: list[tuple[CallT, asyncio.Future[AnswerT]]] = []
        self._workers: set[asyncio.Task[None]] = set()

    async def call(self, call: CallT) -> AnswerT:
        """The answer to one call."""
        answer: asyncio.Future[AnswerT] = asyncio.get_running_loop().create_future()
        self._waiting.append((call, answer))
        if len(self._workers) < _UNDER_WAY:
            worker = asyncio.create_task(self._work())
            self._workers.add(worker)
            worker.add_done_callback(self._workers.discard)
        return await answer

    async def _work(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:_AT_ONCE], self._waiting[_AT_ONCE:]
            try:
                await self._answer(batch)
            except Exception:  # noqa: BLE001 - each call is told its own error, of its own attempt
                for one in batch:
                    await self._alone(one)

    async def _answer(self, batch: Sequence[tuple[CallT, "asyncio.Future[AnswerT]"]]) -> None:
        answers = await self._run([call for call, _ in batch])
        for (_, waiting), answer in zip(batch, answers, strict=True):
            if not waiting.done():  # its caller may have gone away
                waiting.set_result(answer)

    async def _alone(self, one: tuple[CallT, "asyncio.Future[AnswerT]"]) -> None:
        try:
            await self._answer([one])
        except Exception as error:  # noqa: BLE001 - raised to the one who waits for it
            if not one[1].done():
                one[1].set_exception(error)
