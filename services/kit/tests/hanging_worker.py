"""A worker that takes the task `hang`, says so, and never ends it."""

import asyncio
import sys

from services.kit.tasks import Payload, TaskRunner


async def hang(_: Payload) -> None:
    """Never ends."""
    print("taken", flush=True)
    await asyncio.Event().wait()


async def main(url: str) -> None:
    """Works on the database's tasks until it is killed."""
    runner = TaskRunner(url)
    runner.task("hang", hang)
    await runner.run(asyncio.Event())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
