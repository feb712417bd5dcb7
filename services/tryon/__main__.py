"""The try-on service: settings → dependencies → serve. `services.tryon.worker` is the other half."""

import asyncio
import logging
from pathlib import Path

from services.kit import client, database, server, user_data
from services.kit.identity import ServiceTokens
from services.kit.rpc import Access
from services.tryon import servicer
from services.tryon.checks import Checks
from services.tryon.engines.base import EngineFailed
from services.tryon.engines.http import ProviderHttp
from services.tryon.engines.processes import LocalProcesses
from services.tryon.engines.signatures import FalSender, ReplicateSender, Sender
from services.tryon.generation import Generation
from services.tryon.jobs import Jobs
from services.tryon.peers import Billing, Media
from services.tryon.settings import Settings
from services.tryon.webhooks import Webhooks

log = logging.getLogger(__name__)

_ANSWER_SECONDS = 2


async def compose(config: Settings, url: str) -> server.Service:
    """Puts the API's side together."""
    db = database.Database(url, config.database_pool)
    tokens = ServiceTokens("tryon", config.service_private_key.get_secret_value(), config.service_public_keys)
    media = Media(config.media_address, tokens, config.tls)
    billing = Billing(config.billing_address, tokens, config.tls)
    jobs = Jobs(db, config.running_per_user)
    checker = LocalProcesses(config.model_dir, workers=1, threads=1)
    checks = Checks(media, checker, seconds=config.check_seconds, only_ours=config.engines == ["local"])
    generation = Generation(
        db,
        jobs,
        media,
        billing,
        checks,
        pre_check=config.pre_check,
        wait_seconds=config.generate_timeout_seconds,
        hold_seconds=config.hold_seconds,
        max_queue=config.max_queue,
    )
    warming = asyncio.create_task(_warm(checker)) if config.pre_check else None
    auth = client.open_channel(config.auth_address, [client.JWKS_METHOD, client.REVOKED_METHOD], config.tls)

    keys = ProviderHttp(config.fal_webhook_keys_url, https_only=config.environment == "production")

    async def answer_in_time(stop: asyncio.Event) -> None:
        """Answers those who still wait for a picture just before they would be cut off: their jobs go on."""
        await stop.wait()
        asyncio.get_running_loop().call_later(max(0, config.drain_seconds - _ANSWER_SECONDS), jobs.waiters.hurry)

    async def close() -> None:
        if warming:
            warming.cancel()
        await checker.close()
        await media.close()
        await billing.close()
        await auth.close()
        await keys.close()
        await db.close()

    webhooks = Webhooks(db, _senders(config, keys))
    rpcs = (servicer.TryonServicer(generation, jobs, webhooks), user_data.UserDataServicer(jobs.forget_user))
    return server.Service(
        name="tryon",
        listen=config.listen,
        health_listen=config.health_listen,
        tls=config.tls,
        drain_seconds=config.drain_seconds,
        access=Access(public=servicer.PUBLIC, internal=user_data.INTERNAL),
        users=client.user_tokens(auth, tokens, config.token_issuer),
        tokens=tokens,
        register=lambda grpc_server: [name for rpc in rpcs for name in rpc.register(grpc_server)],
        background=(answer_in_time,),
        alongside=(jobs.listen,),
        ready=db.ready,
        close=close,
    )


def _senders(config: Settings, keys: ProviderHttp) -> dict[str, Sender]:
    """The providers that are listened to."""
    if not config.provider_webhook_url:
        return {}
    found: dict[str, Sender] = {"fal": FalSender(keys, config.fal_webhook_keys_url)}
    if secret := config.replicate_webhook_secret.get_secret_value():
        found["replicate"] = ReplicateSender(secret)
    return found


async def _warm(checker: LocalProcesses) -> None:
    try:
        await checker.prepare()
    except EngineFailed:
        log.exception("images cannot be checked")


if __name__ == "__main__":
    server.main("tryon", Settings, compose, Path(__file__).parent)
