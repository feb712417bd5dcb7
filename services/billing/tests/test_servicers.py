"""The service as others reach it: over a channel, composed as in production, with its interceptor."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import grpc
import pytest
from drape.auth.v1 import user_data_pb2, user_data_pb2_grpc
from drape.billing.v1 import billing_pb2 as pb
from drape.billing.v1 import billing_pb2_grpc, ledger_pb2, ledger_pb2_grpc
from google.api.httpbody_pb2 import HttpBody
from google.protobuf.json_format import MessageToDict
from grpc import StatusCode

from services.billing.__main__ import compose
from services.billing.settings import Settings
from services.billing.tests.shop import FRONTEND
from services.billing.tests.stripe_sandbox import SECRET_KEY, WEBHOOK_SECRET, StripeSandbox, signed
from services.kit import server
from services.kit.database import Database
from services.kit.identity import UserTokens
from services.kit.ids import new_id
from services.kit.tests.credentials import ISSUER, Issuer, ServiceKeys, bearer
from services.kit.tests.waiting import eventually
from services.kit.tests.wire import Refusal, refusal


@dataclass
class Billing:
    """A running service, and the keys of those who call it."""

    channel: grpc.aio.Channel
    keys: ServiceKeys
    issuer: Issuer

    def __post_init__(self) -> None:
        self.api = billing_pb2_grpc.BillingServiceStub(self.channel)
        self.ledger = ledger_pb2_grpc.LedgerServiceStub(self.channel)
        self.user_data = user_data_pb2_grpc.UserDataServiceStub(self.channel)

    def as_user(self, user: str) -> tuple[tuple[str, str], ...]:
        """The metadata of a browser's call."""
        return bearer(self.issuer.token(user))

    def as_service(self, name: str, user: str) -> tuple[tuple[str, str], ...]:
        """The metadata of a service's call."""
        return bearer(self.keys.of(name).sign("billing", user))


@pytest.fixture(scope="session")
async def billing(database: Database, shared_sandbox: StripeSandbox) -> AsyncIterator[Billing]:
    """The service as `__main__` composes it; only the access tokens are of our own making."""
    keys, issuer = ServiceKeys(), Issuer()
    config = Settings.model_validate(
        {
            "frontend_url": FRONTEND,
            "service_private_key": keys.private["billing"],
            "service_public_keys": keys.public,
            "stripe_secret_key": SECRET_KEY,
            "stripe_webhook_secret": WEBHOOK_SECRET,
            "stripe_api_base": shared_sandbox.url,
        }
    )
    service = replace(await compose(config, database.url), users=UserTokens(issuer.fetch, ISSUER))
    running, _, port = await server.start(service)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield Billing(channel, keys, issuer)
    await running.stop(None)
    assert service.close
    await service.close()


async def test_pricing_is_public_and_as_the_contract_says(billing: Billing) -> None:
    answer = await billing.api.GetPricing(pb.GetPricingRequest())
    assert MessageToDict(answer, always_print_fields_with_no_presence=True) == {
        "subscriptions": {
            "FREE": {"name": "Free", "credits": 5, "price": 0.0},
            "BASIC": {"name": "Basic", "credits": 50, "price": 9.99},
            "PREMIUM": {"name": "Premium", "credits": 200, "price": 29.99},
        },
        "creditPackages": {
            "small": {"credits": 10, "price": 4.99},
            "medium": {"credits": 25, "price": 9.99},
            "large": {"credits": 50, "price": 17.99},
        },
    }


async def test_the_balance_tells_credits_holds_and_where_they_came_from(billing: Billing, user: str) -> None:
    hold = ledger_pb2.HoldCreditsRequest(hold_id=new_id(), amount=2, ttl_seconds=60)
    await billing.ledger.HoldCredits(hold, metadata=billing.as_service("tryon", user))
    call = billing.api.GetBalance(pb.GetBalanceRequest(), metadata=billing.as_user(user))
    answer = await call
    assert (answer.credits, answer.held, answer.subscription) == (3, 2, "FREE")
    assert [(grant.source, grant.credits, grant.HasField("expires_at")) for grant in answer.grants] == [
        ("signup", 3, False)
    ]
    assert ("cache-control", "no-store") in [tuple(pair) for pair in await call.initial_metadata()]


async def test_a_checkout_honours_the_idempotency_key_of_the_header(billing: Billing, user: str) -> None:
    metadata = (*billing.as_user(user), ("idempotency-key", new_id()))
    request = pb.CreateCheckoutRequest(plan="small", type="credits")
    first, second = [await billing.api.CreateCheckout(request, metadata=metadata) for _ in range(2)]
    assert first.session_id == second.session_id
    assert first.url.startswith("http://")
    other = billing.api.CreateCheckout(pb.CreateCheckoutRequest(plan="large", type="credits"), metadata=metadata)
    assert await refusal(other) == Refusal(
        StatusCode.ABORTED, "IDEMPOTENCY_KEY_REUSED", "This Idempotency-Key was used for another request"
    )


@pytest.mark.parametrize(
    ("kind", "message"),
    [("credits", "Invalid credit package"), ("subscription", "Invalid subscription plan")],
)
async def test_what_is_not_sold_is_refused(billing: Billing, user: str, kind: str, message: str) -> None:
    request = pb.CreateCheckoutRequest(plan="huge", type=kind)
    call = billing.api.CreateCheckout(request, metadata=billing.as_user(user))
    assert await refusal(call) == Refusal(StatusCode.INVALID_ARGUMENT, "INVALID_PLAN", message)


async def test_a_purchase_is_of_credits_or_a_subscription(billing: Billing, user: str) -> None:
    request = pb.CreateCheckoutRequest(plan="small", type="gift")
    refused = await refusal(billing.api.CreateCheckout(request, metadata=billing.as_user(user)))
    assert (refused.code, refused.reason) == (StatusCode.INVALID_ARGUMENT, "VALIDATION_FAILED")


async def test_a_webhook_needs_no_token_but_a_signature(billing: Billing) -> None:
    body, signature = signed({"id": f"evt_{new_id()}", "type": "customer.created", "data": {"object": {"id": "c"}}})
    answer = await billing.api.ReceiveWebhook(HttpBody(data=body), metadata=(("stripe-signature", signature),))
    assert answer.received
    assert await refusal(billing.api.ReceiveWebhook(HttpBody(data=body))) == Refusal(
        StatusCode.INVALID_ARGUMENT, "SIGNATURE_INVALID", "Webhook signature verification failed"
    )


async def test_a_hold_is_made_captured_and_released_for_the_user_of_the_token(billing: Billing, user: str) -> None:
    metadata, ids = billing.as_service("tryon", user), [new_id(), new_id()]
    for hold_id in ids:
        await billing.ledger.HoldCredits(
            ledger_pb2.HoldCreditsRequest(hold_id=hold_id, amount=2, ttl_seconds=60), metadata=metadata
        )
    captured = await billing.ledger.CaptureHold(ledger_pb2.CaptureHoldRequest(hold_id=ids[0]), metadata=metadata)
    released = await billing.ledger.ReleaseHold(ledger_pb2.ReleaseHoldRequest(hold_id=ids[1]), metadata=metadata)
    account = await billing.ledger.GetAccount(ledger_pb2.GetAccountRequest(), metadata=metadata)
    assert (captured.credits, released.credits, account.credits, account.subscription) == (1, 3, 3, "FREE")


async def test_a_part_of_a_hold_is_captured_and_the_rest_goes_back(billing: Billing, user: str) -> None:
    metadata, hold_id = billing.as_service("tryon", user), new_id()
    hold = ledger_pb2.HoldCreditsRequest(hold_id=hold_id, amount=4, ttl_seconds=60)
    assert (await billing.ledger.HoldCredits(hold, metadata=metadata)).credits == 1
    part = ledger_pb2.CaptureHoldRequest(hold_id=hold_id, amount=3)
    answers = [await billing.ledger.CaptureHold(part, metadata=metadata) for _ in range(2)]
    assert [answer.credits for answer in answers] == [2, 2]
    balance = await billing.api.GetBalance(pb.GetBalanceRequest(), metadata=billing.as_user(user))
    assert (balance.credits, balance.held) == (2, 0)
    for amount, reason in ((2, "HOLD_ALREADY_CAPTURED"), (0, "VALIDATION_FAILED"), (-1, "VALIDATION_FAILED")):
        request = ledger_pb2.CaptureHoldRequest(hold_id=hold_id, amount=amount)
        assert (await refusal(billing.ledger.CaptureHold(request, metadata=metadata))).reason == reason


async def test_more_than_was_held_cannot_be_captured(billing: Billing, user: str) -> None:
    metadata, hold_id = billing.as_service("tryon", user), new_id()
    hold = ledger_pb2.HoldCreditsRequest(hold_id=hold_id, amount=2, ttl_seconds=60)
    await billing.ledger.HoldCredits(hold, metadata=metadata)
    request = ledger_pb2.CaptureHoldRequest(hold_id=hold_id, amount=3)
    refused = await refusal(billing.ledger.CaptureHold(request, metadata=metadata))
    assert (refused.code, refused.reason) == (StatusCode.ALREADY_EXISTS, "HOLD_MISMATCH")


async def test_an_id_that_two_users_hold_at_once_is_one_users_and_refused_to_the_other(billing: Billing) -> None:
    for _ in range(5):
        users, hold_id = [new_id() for _ in range(2)], new_id()
        hold = ledger_pb2.HoldCreditsRequest(hold_id=hold_id, amount=2, ttl_seconds=60)

        async def outcome(user: str, hold: ledger_pb2.HoldCreditsRequest = hold) -> str:
            try:
                await billing.ledger.HoldCredits(hold, metadata=billing.as_service("tryon", user))
            except grpc.aio.AioRpcError as error:
                return f"{error.code().name} {error.details()}"
            return "held"

        outcomes = await asyncio.gather(*(outcome(user) for user in users * 4))
        assert set(outcomes) == {"held", "ALREADY_EXISTS The hold belongs to another account"}
        assert outcomes[:2].count("held") == 1


async def test_a_hold_ends_by_itself(billing: Billing, user: str) -> None:
    metadata, hold_id = billing.as_service("tryon", user), new_id()
    hold = ledger_pb2.HoldCreditsRequest(hold_id=hold_id, amount=5, ttl_seconds=1)
    await billing.ledger.HoldCredits(hold, metadata=metadata)

    async def freed() -> bool:
        return (await billing.ledger.GetAccount(ledger_pb2.GetAccountRequest(), metadata=metadata)).credits == 5

    await eventually(freed, "the credits")
    capture = ledger_pb2.CaptureHoldRequest(hold_id=hold_id)
    assert (await refusal(billing.ledger.CaptureHold(capture, metadata=metadata))).reason == "HOLD_EXPIRED"


async def test_a_hold_of_too_much_is_402_and_says_what_is_missing(billing: Billing, user: str) -> None:
    request = ledger_pb2.HoldCreditsRequest(hold_id=new_id(), amount=6, ttl_seconds=60)
    refused = await refusal(billing.ledger.HoldCredits(request, metadata=billing.as_service("tryon", user)))
    assert refused == Refusal(
        StatusCode.FAILED_PRECONDITION,
        "INSUFFICIENT_CREDITS",
        "Insufficient credits. Please purchase more credits.",
        {"credits": "5", "required": "6"},
        http_status="402",
    )


@pytest.mark.parametrize(
    "request_", [ledger_pb2.HoldCreditsRequest(hold_id="h", amount=amount, ttl_seconds=60) for amount in (0, -1)]
)
async def test_a_hold_is_of_one_credit_at_least(
    billing: Billing, user: str, request_: ledger_pb2.HoldCreditsRequest
) -> None:
    refused = await refusal(billing.ledger.HoldCredits(request_, metadata=billing.as_service("tryon", user)))
    assert (refused.code, refused.reason) == (StatusCode.INVALID_ARGUMENT, "VALIDATION_FAILED")


async def test_the_ledger_refuses_users_and_services_that_have_no_business_there(billing: Billing, user: str) -> None:
    refused = (
        billing.as_user(user),
        billing.as_service("media", user),
        billing.as_service("billing", user),
        bearer(billing.keys.of("tryon").sign("media", user)),
        bearer(ServiceKeys().of("tryon").sign("billing", user)),
        (("cookie", f"access_token={billing.issuer.token(user)}"),),
        (),
    )
    for metadata in refused:
        call = billing.ledger.GetAccount(ledger_pb2.GetAccountRequest(), metadata=metadata)
        assert (await refusal(call)).code is StatusCode.UNAUTHENTICATED, metadata


async def test_only_auth_may_have_a_user_forgotten(billing: Billing, user: str) -> None:
    request = user_data_pb2.DeleteUserDataRequest(user_id=user)
    call = billing.user_data.DeleteUserData(request, metadata=billing.as_service("tryon", user))
    assert (await refusal(call)).code is StatusCode.UNAUTHENTICATED
    for _ in range(2):
        await billing.user_data.DeleteUserData(request, metadata=billing.as_service("auth", user))
    hold = ledger_pb2.HoldCreditsRequest(hold_id=new_id(), amount=1, ttl_seconds=60)
    refused = await refusal(billing.ledger.HoldCredits(hold, metadata=billing.as_service("tryon", user)))
    assert refused.reason == "ACCOUNT_CLOSED"


async def test_a_service_token_is_no_users_token(billing: Billing, user: str) -> None:
    call = billing.api.GetBalance(pb.GetBalanceRequest(), metadata=billing.as_service("tryon", user))
    assert await refusal(call) == Refusal(StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED", "Invalid or expired token")
