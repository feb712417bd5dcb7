"""The billing service: settings → dependencies → serve."""

import asyncio
import logging
import sys
from pathlib import Path

from services.billing import audit, catalog, closing, servicer
from services.billing.checkout import Checkouts
from services.billing.customers import Customers
from services.billing.errors import PaymentsUnavailable
from services.billing.ledger import Ledger
from services.billing.payments import Payments
from services.billing.portal import Portal
from services.billing.reconciliation import Reconciliation
from services.billing.settings import Settings
from services.billing.subscriptions import Subscriptions
from services.billing.transactions import Transactions
from services.billing.webhooks import PROCESS_TASK, Webhooks
from services.kit import client, database, embedded, server, tasks, user_data
from services.kit.identity import ServiceTokens
from services.kit.rpc import Access
from services.kit.settings import DatabaseSettings

log = logging.getLogger(__name__)


async def compose(config: Settings, url: str) -> server.Service:
    """Puts the service together."""
    tokens = ServiceTokens("billing", config.service_private_key.get_secret_value(), config.service_public_keys)
    db = database.Database(url, config.database_pool)
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
    portal = Portal(db, Customers(db, ledger, payments), payments, goods)
    subscriptions = Subscriptions(db, ledger, payments, goods)
    webhooks = Webhooks(db, ledger, checkouts, payments, goods)
    reconciliation = Reconciliation(db, payments, checkouts, subscriptions, webhooks)
    runner = tasks.TaskRunner(url)

    async def process(payload: tasks.Payload) -> None:
        await webhooks.process(payload["event_id"])

    async def reconcile() -> None:
        try:
            await reconciliation.run()
        except PaymentsUnavailable:
            log.warning("Stripe does not answer; it is compared with the ledger next time")

    async def check() -> None:
        await audit.check(db)

    runner.task(PROCESS_TASK, process)
    for name, handler in closing.handlers(payments).items():
        runner.task(name, handler)
    runner.every("* * * * *", "expire_holds", ledger.expire_due)
    runner.every(config.reconcile_schedule, "reconcile", reconcile)
    runner.every(config.audit_schedule, "audit", check)
    auth = client.open_channel(config.auth_address, [client.JWKS_METHOD, client.REVOKED_METHOD], config.tls)

    async def close() -> None:
        await auth.close()
        await db.close()

    rpcs = (
        servicer.BillingServicer(ledger, Transactions(db), checkouts, portal, webhooks, goods),
        servicer.LedgerServicer(ledger),
        user_data.UserDataServicer(subscriptions.forget),
    )
    return server.Service(
        name="billing",
        listen=config.listen,
        health_listen=config.health_listen,
        tls=config.tls,
        drain_seconds=config.drain_seconds,
        access=Access(public=servicer.PUBLIC, internal=servicer.INTERNAL | user_data.INTERNAL),
        users=client.user_tokens(auth, tokens, config.token_issuer),
        tokens=tokens,
        register=lambda grpc_server: [name for rpc in rpcs for name in rpc.register(grpc_server)],
        background=(runner.run,),
        hand_back=runner.hand_back,
        ready=db.ready,
        close=close,
    )


async def audit_books() -> bool:
    """Checks the books, and says on standard output what is wrong with them; whether nothing is."""
    config = DatabaseSettings()
    url = config.database_url or embedded.service_url(Path(config.data_dir), "billing")
    db = database.Database(url, pool=1)
    try:
        found = await audit.breaches(db)
    finally:
        await db.close()
    for breach in found:
        print(f"Broken: {breach.rule}")
        print(*(f"  {row}" for row in breach.rows), sep="\n")
    if not found:
        print(f"The books keep all {len(audit.RULES)} rules.")
    return not found


if __name__ == "__main__":
    if sys.argv[1:] == ["audit"]:
        sys.exit(not asyncio.run(audit_books()))
    server.main("billing", Settings, compose, Path(__file__).parent)
