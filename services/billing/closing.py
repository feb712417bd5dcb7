"""What is left to do at Stripe for a closed account: nothing is billed any more, and what still comes goes back."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import col

from services.billing.account import LockedAccount
from services.billing.models import Checkout, Grant, Subscription
from services.billing.payments import Payments
from services.kit import tasks

END_TASK = "end_subscription"
"""Ends a subscription of a closed account at Stripe. Payload: subscription_id."""
SHUT_TASK = "shut_checkout"
"""Shuts a page that nobody is to pay at any more. Payload: session_id."""
REFUND_TASK = "refund_payment"
"""Gives back a payment that came for a closed account. Payload: payment_id."""

ENDED = ("canceled", "incomplete_expired")


async def close(connection: AsyncConnection, account: LockedAccount) -> None:
    """Closes the account, and has its subscriptions ended and its open pages shut."""
    await account.close()
    running = select(col(Subscription.id)).where(
        col(Subscription.user_id) == account.user_id, col(Subscription.status).not_in(ENDED)
    )
    for subscription_id in (await connection.execute(running)).scalars().all():
        await tasks.enqueue(connection, END_TASK, {"subscription_id": subscription_id})
    open_pages = select(col(Checkout.session_id)).where(
        col(Checkout.user_id) == account.user_id,
        col(Checkout.status) == "pending",
        col(Checkout.session_id).is_not(None),
    )
    for session_id in (await connection.execute(open_pages)).scalars().all():
        await tasks.enqueue(connection, SHUT_TASK, {"session_id": session_id})


async def give_back(
    connection: AsyncConnection, account: LockedAccount, source: str, reference: str, payment_id: str | None
) -> None:
    """Has a payment given back that a closed account got nothing for."""
    granted = select(col(Grant.id)).where(col(Grant.source) == source, col(Grant.reference) == reference)
    if account.closed and payment_id and (await connection.execute(granted)).first() is None:
        await tasks.enqueue(connection, REFUND_TASK, {"payment_id": payment_id})


def handlers(payments: Payments) -> dict[str, tasks.Handler]:
    """What does the tasks, by name."""

    async def end(payload: tasks.Payload) -> None:
        await payments.cancel_subscription(payload["subscription_id"])

    async def shut(payload: tasks.Payload) -> None:
        await payments.expire_session(payload["session_id"])

    async def refund(payload: tasks.Payload) -> None:
        await payments.refund(payload["payment_id"])

    return {END_TASK: end, SHUT_TASK: shut, REFUND_TASK: refund}
