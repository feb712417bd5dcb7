"""Calls that arrive together go to the database together: one round trip and one commit for all of them.

A call that comes alone goes at once; those that come while the database works wait for its next turn. On one
account that takes the place of standing in line for its row. A turn that takes long, perhaps because somebody else
has the row of one of its accounts, keeps nobody waiting: the next one begins beside it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from services.kit.database import DatabaseAway

CallT = TypeVar("CallT")
AnswerT = TypeVar("AnswerT")

_AT_ONCE = 64
_UNDER_WAY = 6
_PATIENCE_SECONDS = 0.1


class Batches(Generic[CallT, AnswerT]):
    """Collects calls for `run`, which answers as many as it is given, in their order."""

    def __init__(self, run: Callable[[Sequence[CallT]], Awaitable[Sequence[AnswerT]]]) -> None:
        self._run = run
        self._waiting: list[tuple[CallT, asyncio.Future[AnswerT]]] = []
        self._turns: set[asyncio.Task[None]] = set()
        self._on_time = 0

    async def call(self, call: CallT) -> AnswerT:
        """The answer to one call."""
        answer: asyncio.Future[AnswerT] = asyncio.get_running_loop().create_future()
        self._waiting.append((call, answer))
        self._begin()
        return await answer

    def _begin(self) -> None:
        """Begins turns if calls wait and every turn under way is late."""
        if self._waiting and not self._on_time and len(self._turns) < _UNDER_WAY:
            self._on_time += 1
            turn = asyncio.create_task(self._work())
            self._turns.add(turn)
            turn.add_done_callback(self._end)

    def _end(self, turn: "asyncio.Task[None]") -> None:
        self._turns.discard(turn)
        self._begin()

    async def _work(self) -> None:
        """Takes turns until nobody waits, or one of them was late and others have taken over."""
        late = False

        def pass_on() -> None:
            nonlocal late
            late = True
            self._on_time -= 1
            self._begin()

        while self._waiting and not late:
            timer = asyncio.get_running_loop().call_later(_PATIENCE_SECONDS, pass_on)
            await self._turn()
            timer.cancel()
        if not late:
            self._on_time -= 1

    async def _turn(self) -> None:
        batch, self._waiting = self._waiting[:_AT_ONCE], self._waiting[_AT_ONCE:]
        # Whoever has gone away meanwhile asks again, or takes back what they asked for.
        batch = [one for one in batch if not one[1].done()]
        try:
            await self._answer(batch)
        except DatabaseAway as error:
            for _, waiting in batch:
                if not waiting.done():
                    waiting.set_exception(error)
        except Exception:  # noqa: BLE001 - each call is told its own error, of its own attempt
            for one in batch:
                await self._alone(one)

    async def _answer(self, batch: Sequence[tuple[CallT, "asyncio.Future[AnswerT]"]]) -> None:
        answers = await self._run([call for call, _ in batch]) if batch else []
        for (_, waiting), answer in zip(batch, answers, strict=True):
            if not waiting.done():
                waiting.set_result(answer)

    async def _alone(self, one: tuple[CallT, "asyncio.Future[AnswerT]"]) -> None:
        try:
            await self._answer([one])
        except Exception as error:  # noqa: BLE001 - raised to the one who waits for it
            if not one[1].done():
                one[1].set_exception(error)
