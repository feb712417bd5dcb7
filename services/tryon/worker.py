"""The workers of the try-on service: take jobs from the queue and bring them to their end."""

import asyncio
from pathlib import Path

from services.kit import client, database, server, tasks
from services.kit.identity import ServiceTokens, UserTokens
from services.kit.rpc import Access
from services.tryon.engines.chain import EngineChain
from services.tryon.engines.processes import LocalProcesses
from services.tryon.jobs import Jobs
from services.tryon.peers import Billing, Media
from services.tryon.saga import WORK_TASK, Saga
from services.tryon.settings import Settings


async def compose(config: Settings, url: str) -> server.Service:
    """Puts the worker's side together. Its server answers health checks only."""
    db = database.Database(url, config.database_pool)
    tokens = ServiceTokens("tryon", config.service_private_key.get_secret_value(), config.service_public_keys)
    media = Media(config.media_address, tokens)
    billing = Billing(config.billing_address, tokens)
    local = LocalProcesses(config.model_dir, config.local_workers, config.local_threads)
    engines = EngineChain([local], config.engine_timeout_seconds)
    jobs = Jobs(db)
    saga = Saga(db, jobs, media, billing, engines, config.max_attempts)
    # Twice the engine's processes: while one picture is made, the next one's photos are fetched.
    runner = tasks.TaskRunner(url, concurrency=2 * config.local_workers)

    async def work(payload: tasks.Payload) -> None:
        await saga.run(payload["job_id"], payload["user_id"])

    runner.task(WORK_TASK, work)
    runner.every("* * * * *", "sweep_jobs", saga.sweep)
    warming = asyncio.create_task(engines.prepare())
    auth = client.open_channel(config.auth_address, [client.JWKS_METHOD])

    async def close() -> None:
        warming.cancel()
        await engines.close()
        await media.close()
        await billing.close()
        await auth.close()
        await db.close()

    return server.Service(
        name="tryon-worker",
        listen=config.listen,
        drain_seconds=config.drain_seconds,
        access=Access(),
        users=UserTokens(client.fetch_keys(auth), config.token_issuer),
        tokens=tokens,
        register=lambda _: (),
        background=(runner.run, jobs.listen),
        ready=db.ready,
        close=close,
    )


if __name__ == "__main__":
    server.main("tryon", Settings, compose, Path(__file__).parent)
