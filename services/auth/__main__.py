"""The auth service: settings → dependencies → serve. `admin …` as arguments administers instead."""

import sys
from collections.abc import Mapping
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from services.auth import admin, renewal, servicer
from services.auth.accounts import FORGET_TASK
from services.auth.cookies import Cookies
from services.auth.mail import Mailer
from services.auth.mailed_links import LINK_TASK, NOTICE_TASK
from services.auth.parts import Parts, build, session_limits
from services.auth.peers import Peers
from services.auth.recovery import FORGOT_TASK
from services.auth.settings import Settings
from services.kit import database, server, tasks
from services.kit.identity import ServiceTokens, UserTokens
from services.kit.revocation import RevokedSessions
from services.kit.rpc import Access


async def compose(config: Settings, url: str) -> server.Service:
    """Puts the service together."""
    db = database.Database(url, config.database_pool)
    parts = build(config, db)
    await parts.keys.load()
    tokens = ServiceTokens("auth", config.service_private_key.get_secret_value(), config.service_public_keys)
    addresses = {"media": config.media_address, "tryon": config.tryon_address, "billing": config.billing_address}
    peers = Peers(tokens, addresses, config.tls)
    idle = session_limits(config).idle
    cookies = Cookies(config.secure_cookies, config.access_token_seconds, int(idle.total_seconds()))
    rpcs = (
        servicer.AuthServicer(parts.accounts, parts.sessions, parts.keys, cookies, peers),
        servicer.SessionServicer(parts.sessions, cookies),
        servicer.RecoveryServicer(parts.recovery),
        servicer.RevocationServicer(parts.revocations),
        renewal.RenewalServicer(parts.sessions, cookies),
    )

    async def close() -> None:
        await peers.close()
        await db.close()

    runner = _runner(config, url, parts, peers)
    return server.Service(
        name="auth",
        listen=config.listen,
        health_listen=config.health_listen,
        tls=config.tls,
        drain_seconds=config.drain_seconds,
        access=Access(public=servicer.PUBLIC | {f"{renewal.SERVICE}/Check"}, internal=servicer.INTERNAL),
        users=_users(parts, config.token_issuer),
        tokens=tokens,
        register=lambda grpc_server: [name for rpc in rpcs for name in rpc.register(grpc_server)],
        background=(runner.run, parts.keys.run),
        hand_back=runner.hand_back,
        ready=db.ready,
        close=close,
    )


def _users(parts: Parts, issuer: str) -> UserTokens:
    """Checks access tokens as the other services do, without asking over the wire."""

    async def public_keys() -> Mapping[str, Ed25519PublicKey]:
        return parts.keys.public()

    return UserTokens(public_keys, issuer, revoked=RevokedSessions(parts.revocations.since))


def _runner(config: Settings, url: str, parts: Parts, peers: Peers) -> tasks.TaskRunner:
    mailer = Mailer(config.smtp_url.get_secret_value(), config.mail_from, config.frontend_url, parts.links)
    runner = tasks.TaskRunner(url)

    async def forget(payload: tasks.Payload) -> None:
        await peers.forget(payload["service"], payload["user_id"])

    runner.task(FORGET_TASK, forget)
    runner.task(FORGOT_TASK, parts.recovery.mail_reset)
    runner.task(LINK_TASK, mailer.send_link)
    runner.task(NOTICE_TASK, mailer.send_notice)
    runner.every("*/5 * * * *", "prune", parts.prune)
    return runner


if __name__ == "__main__":
    if sys.argv[1:2] == ["admin"]:
        sys.exit(admin.main(sys.argv[2:]))
    server.main("auth", Settings, compose, Path(__file__).parent)
