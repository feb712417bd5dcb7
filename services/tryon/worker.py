"""The workers of the try-on service: take jobs from the queue and bring them to their end."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from services.kit import client, database, server, tasks
from services.kit.identity import ServiceTokens, UserTokens
from services.kit.rpc import Access
from services.kit.telemetry import log_context
from services.tryon import webhooks
from services.tryon.engines.build import build_chain, limits_of
from services.tryon.engines.chain import EngineChain
from services.tryon.engines.news import News
from services.tryon.jobs import Jobs
from services.tryon.leftovers import FORGET_TASK, Leftovers
from services.tryon.line import WORK_TASK
from services.tryon.metrics import QueueGauges
from services.tryon.peers import Billing, Media
from services.tryon.saga import Saga
from services.tryon.settings import WorkerSettings


async def compose(config: WorkerSettings, url: str) -> server.Service:
    """The worker with the engines that its settings name. Its server answers health checks only."""
    # More than the engines make at once: while they are at theirs, the next ones' photos are fetched.
    at_once = sum(limits.concurrency for limits in limits_of(config).values()) + config.local_workers
    news = News() if config.provider_webhook_url else None
    return await assemble(config, url, lambda db: build_chain(config, db, news), at_once, news)


async def assemble(
    config: WorkerSettings,
    url: str,
    build: Callable[[database.Database], EngineChain],
    at_once: int,
    news: News | None = None,
) -> server.Service:
    """Puts a worker together that has `at_once` jobs in hand at most. `news` gets what providers' webhooks say."""
    db = database.Database(url, config.database_pool)
    tokens = ServiceTokens("tryon", config.service_private_key.get_secret_value(), config.service_public_keys)
    media = Media(config.media_address, tokens, config.tls)
    billing = Billing(config.billing_address, tokens, config.tls)
    engines = build(db)
    jobs = Jobs(db, config.running_per_user)
    keep = timedelta(days=config.keep_jobs_days)
    hold = timedelta(seconds=config.hold_seconds)
    saga = Saga(db, jobs, media, billing, engines, config.max_attempts, keep, hold)
    runner = tasks.TaskRunner(url, concurrency=at_once)

    async def work(payload: tasks.Payload) -> None:
        log_context.set({"job_id": payload["job_id"]})
        await saga.run(payload["job_id"], payload["user_id"])

    runner.task(WORK_TASK, work)
    runner.task(FORGET_TASK, Leftovers(db, engines).forget)
    runner.every(config.sweep_schedule, "sweep_jobs", saga.sweep)
    runner.every(config.prune_schedule, "prune_jobs", saga.prune)

    async def hear(stop: asyncio.Event) -> None:
        await (db.listen(webhooks.CHANNEL, news.heard, stop) if news else stop.wait())

    warming = asyncio.create_task(engines.prepare())
    auth = client.open_channel(config.auth_address, [client.JWKS_METHOD], config.tls)

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
        health_listen=config.health_listen,
        tls=config.tls,
        drain_seconds=config.drain_seconds,
        access=Access(),
        users=UserTokens(client.fetch_keys(auth), config.token_issuer),
        tokens=tokens,
        register=lambda _: (),
        background=(runner.run, QueueGauges(jobs.queue_state).run),
        hand_back=runner.hand_back,
        alongside=(jobs.listen, hear),
        ready=db.ready,
        close=close,
    )


if __name__ == "__main__":
    server.main("tryon", WorkerSettings, compose, Path(__file__).parent, process="tryon-worker")
