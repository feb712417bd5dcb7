"""The RPCs of the billing service."""

from collections.abc import Iterable
from datetime import datetime, timedelta

import grpc
from drape.billing.v1 import billing_pb2 as pb
from drape.billing.v1 import billing_pb2_grpc, ledger_pb2_grpc
from drape.billing.v1 import ledger_pb2 as ledger
from google.api.httpbody_pb2 import HttpBody
from google.protobuf.timestamp_pb2 import Timestamp

from services.billing.catalog import Catalog
from services.billing.checkout import Checkouts
from services.billing.ledger import Ledger
from services.billing.portal import Portal
from services.billing.transactions import TransactionRow, Transactions
from services.billing.webhooks import Webhooks
from services.kit.http import NO_STORE, metadata_of, respond
from services.kit.identity import caller
from services.kit.rpc import Context

SERVICE = pb.DESCRIPTOR.services_by_name["BillingService"].full_name
LEDGER = ledger.DESCRIPTOR.services_by_name["LedgerService"].full_name
PUBLIC = frozenset({f"{SERVICE}/GetPricing", f"{SERVICE}/ReceiveWebhook"})
PAGE_SIZE = 20
INTERNAL = {LEDGER: frozenset({"auth", "tryon"})}


class BillingServicer(billing_pb2_grpc.BillingServiceServicer):
    """What browsers and Stripe call."""

    def __init__(
        self,
        ledger: Ledger,
        transactions: Transactions,
        checkouts: Checkouts,
        portal: Portal,
        webhooks: Webhooks,
        catalog: Catalog,
    ) -> None:
        self._ledger = ledger
        self._transactions = transactions
        self._portal = portal
        self._checkouts = checkouts
        self._webhooks = webhooks
        self._pricing = _pricing(catalog)

    async def GetPricing(self, request: pb.GetPricingRequest, context: Context) -> pb.GetPricingResponse:
        return self._pricing

    async def GetBalance(self, request: pb.GetBalanceRequest, context: Context) -> pb.GetBalanceResponse:
        standing = await self._ledger.standing(caller(context).user_id)
        await respond(context, headers=(NO_STORE,))
        return pb.GetBalanceResponse(
            credits=standing.credits,
            held=standing.held,
            subscription=standing.plan.upper(),
            grants=[
                pb.GrantBalance(
                    source=grant.source,
                    credits=grant.remaining,
                    created_at=_stamp(grant.created_at),
                    expires_at=_stamp(grant.expires_at),
                )
                for grant in standing.grants
            ],
            debt=standing.debt,
        )

    async def ListTransactions(
        self,
        request: pb.ListTransactionsRequest,
        context: Context,
    ) -> pb.ListTransactionsResponse:
        size = request.page_size if request.HasField("page_size") else PAGE_SIZE
        page = await self._transactions.page(caller(context).user_id, size, request.page_token)
        await respond(context, headers=(NO_STORE,))
        return pb.ListTransactionsResponse(
            transactions=[_transaction(row) for row in page.rows], next_page_token=page.next_token
        )

    async def CreatePortal(self, request: pb.CreatePortalRequest, context: Context) -> pb.CreatePortalResponse:
        return pb.CreatePortalResponse(url=await self._portal.open(caller(context).user_id))

    async def CreateCheckout(
        self,
        request: pb.CreateCheckoutRequest,
        context: Context,
    ) -> pb.CreateCheckoutResponse:
        key = metadata_of(context).get("idempotency-key", "")
        page = await self._checkouts.begin(caller(context).user_id, request.type, request.plan, key)
        return pb.CreateCheckoutResponse(session_id=page.session_id, url=page.url)

    async def ReceiveWebhook(self, request: HttpBody, context: Context) -> pb.ReceiveWebhookResponse:
        await self._webhooks.receive(request.data, metadata_of(context).get("stripe-signature", ""))
        return pb.ReceiveWebhookResponse(received=True)

    def register(self, server: grpc.aio.Server) -> Iterable[str]:
        """Adds the service to the server."""
        billing_pb2_grpc.add_BillingServiceServicer_to_server(self, server)
        return (SERVICE,)


class LedgerServicer(ledger_pb2_grpc.LedgerServiceServicer):
    """What other services call."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def GetAccount(
        self,
        request: ledger.GetAccountRequest,
        context: Context,
    ) -> ledger.GetAccountResponse:
        standing = await self._ledger.standing(caller(context).user_id)
        return ledger.GetAccountResponse(credits=standing.credits, subscription=standing.plan.upper())

    async def HoldCredits(
        self,
        request: ledger.HoldCreditsRequest,
        context: Context,
    ) -> ledger.HoldCreditsResponse:
        lifetime = timedelta(seconds=request.ttl_seconds)
        left = await self._ledger.hold(caller(context).user_id, request.hold_id, request.amount, lifetime)
        return ledger.HoldCreditsResponse(credits=left)

    async def CaptureHold(
        self,
        request: ledger.CaptureHoldRequest,
        context: Context,
    ) -> ledger.CaptureHoldResponse:
        amount = request.amount if request.HasField("amount") else None
        left = await self._ledger.capture(caller(context).user_id, request.hold_id, amount)
        return ledger.CaptureHoldResponse(credits=left)

    async def ReleaseHold(
        self,
        request: ledger.ReleaseHoldRequest,
        context: Context,
    ) -> ledger.ReleaseHoldResponse:
        return ledger.ReleaseHoldResponse(credits=await self._ledger.release(caller(context).user_id, request.hold_id))

    def register(self, server: grpc.aio.Server) -> Iterable[str]:
        """Adds the service to the server."""
        ledger_pb2_grpc.add_LedgerServiceServicer_to_server(self, server)
        return (LEDGER,)


def _pricing(catalog: Catalog) -> pb.GetPricingResponse:
    plans = {
        key: pb.Plan(name=plan.name, credits=plan.credits, price=plan.price / 100)
        for key, plan in catalog.plans.items()
    }
    packages = {
        key: pb.CreditPackage(credits=package.credits, price=package.price / 100)
        for key, package in catalog.packages.items()
    }
    return pb.GetPricingResponse(subscriptions=pb.Subscriptions(**plans), credit_packages=pb.CreditPackages(**packages))


def _transaction(row: TransactionRow) -> pb.Transaction:
    return pb.Transaction(
        id=row.id,
        type=row.type,
        plan=row.plan,
        amount=row.amount,
        currency=row.currency,
        credits=row.credits,
        stripe_payment_id=row.payment_id,
        status=row.status,
        amount_refunded=row.refunded,
        created_at=_stamp(row.created_at),
    )


def _stamp(moment: datetime | None) -> Timestamp | None:
    if moment is None:
        return None
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    return stamp
