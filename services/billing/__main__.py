"""The billing service: settings → dependencies → serve."""

from pathlib import Path

from services.billing import catalog, servicer
from services.billing.checkout import Checkouts
from services.billing.ledger import Ledger
from services.billing.payments import Payments
from services.billing.settings import Settings
from services.billing.webhooks import PROCESS_TASK, Webhooks
from services.kit import client, database, server, tasks, user_data
from services.kit.identity import ServiceTokens
from services.kit.rpc import Access


async def compose(config: Settings, url: str) -> server.Service:
    """Puts the service together."""
    db = database.Database(url, config.database_pool)
    tokens = ServiceTokens("billing", config.service_private_key.get_secret_value(), config.service_public_keys)
    goods = catalog.load()
    ledger = Ledger(db, goods.signup_credits)
    payments = Payments(
        config.stripe_secret_key.get_secret_value(),
        config.stripe_webhook_secret.get_secret_value(),
        config.frontend_url,
        config.stripe_api_base,
        config.stripe_timeout_seconds,
    )
    checkouts = Checkouts(db, ledger, payments, goods)
    webhooks = Webhooks(db, ledger, checkouts, payments, goods)
    runner = tasks.TaskRunner(url)

    async def process(payload: tasks.Payload) -> None:
        await webhooks.process(payload["event_id"])

    runner.task(PROCESS_TASK, process)
    runner.every("* * * * *", "expire_holds", ledger.expire_due)
    auth = client.open_channel(config.auth_address, [client.JWKS_METHOD, client.REVOKED_METHOD])

    async def close() -> None:
        await auth.close()
        await db.close()

    rpcs = (
        servicer.BillingServicer(ledger, checkouts, webhooks, goods),
        servicer.LedgerServicer(ledger),
        user_data.UserDataServicer(ledger.close),
    )
    return server.Service(
        name="billing",
        listen=config.listen,
        drain_seconds=config.drain_seconds,
        access=Access(public=servicer.PUBLIC, internal=servicer.INTERNAL | user_data.INTERNAL),
        users=client.user_tokens(auth, tokens, config.token_issuer),
        tokens=tokens,
        register=lambda grpc_server: [name for rpc in rpcs for name in rpc.register(grpc_server)],
        background=(runner.run,),
        ready=db.ready,
        close=close,
    )


if __name__ == "__main__":
    server.main("billing", Settings, compose, Path(__file__).parent)
