"""The auth service: settings → dependencies → serve."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from services.auth import renewal, servicer
from services.auth.accounts import FORGET_TASK, Accounts
from services.auth.cookies import Cookies
from services.auth.keys import Keys
from services.auth.passwords import Passwords
from services.auth.peers import Peers
from services.auth.sessions import SessionLimits, Sessions
from services.auth.settings import Settings
from services.kit import database, server, tasks
from services.kit.identity import ServiceTokens, UserTokens
from services.kit.rpc import Access


async def compose(config: Settings, url: str) -> server.Service:
    """Puts the service together."""
    db = database.Database(url, config.database_pool)
    keys = Keys(db, config.key_encryption_secret.get_secret_value(), config.token_issuer, config.access_token_seconds)
    await keys.load()
    limits = SessionLimits(
        idle=timedelta(days=config.session_idle_days),
        absolute=timedelta(days=config.session_absolute_days),
        grace=timedelta(seconds=config.refresh_grace_seconds),
    )
    sessions = Sessions(db, keys, config.refresh_secret.get_secret_value(), limits)
    passwords = Passwords(config.password_pepper.get_secret_value(), config.bcrypt_cost)
    tokens = ServiceTokens("auth", config.service_private_key.get_secret_value(), config.service_public_keys)
    addresses = {
        "media": config.media_address,
        "tryon": config.tryon_address,
        "billing": config.billing_address,
    }
    peers = Peers(tokens, addresses)
    accounts = Accounts(db, passwords, sessions, holders=tuple(addresses))
    cookies = Cookies(config.secure_cookies, config.access_token_seconds, int(limits.idle.total_seconds()))
    runner = tasks.TaskRunner(url)

    async def forget(payload: tasks.Payload) -> None:
        await peers.forget(payload["service"], payload["user_id"])

    runner.task(FORGET_TASK, forget)

    async def public_keys() -> Mapping[str, Ed25519PublicKey]:
        return keys.public()

    async def close() -> None:
        await peers.close()
        await db.close()

    rpcs = (
        servicer.AuthServicer(accounts, sessions, keys, cookies, peers),
        renewal.RenewalServicer(sessions, cookies),
    )
    return server.Service(
        name="auth",
        listen=config.listen,
        drain_seconds=config.drain_seconds,
        access=Access(public=servicer.PUBLIC | {f"{renewal.SERVICE}/Check"}),
        users=UserTokens(public_keys, config.token_issuer),
        tokens=tokens,
        register=lambda grpc_server: [name for rpc in rpcs for name in rpc.register(grpc_server)],
        background=(runner.run,),
        ready=db.ready,
        close=close,
    )


if __name__ == "__main__":
    server.main("auth", Settings, compose, Path(__file__).parent)
