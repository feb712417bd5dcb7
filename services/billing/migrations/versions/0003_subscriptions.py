"""Subscriptions, their invoices, refunds, and everything that moved credits or money as one view."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

TIME = sa.TIMESTAMP(timezone=True)


def upgrade() -> None:
    op.add_column("checkouts", sa.Column("refunded", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.create_table(
        "subscriptions",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("user_id", sa.String(), sa.ForeignKey("accounts.user_id"), nullable=False, index=True),
        sa.Column("plan", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("cancels_at_period_end", sa.Boolean(), nullable=False),
        sa.Column("period_end", TIME),
    )
    op.create_table(
        "invoices",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("stripe_id", sa.String(), nullable=False, unique=True),
        sa.Column("user_id", sa.String(), sa.ForeignKey("accounts.user_id"), nullable=False, index=True),
        sa.Column("subscription_id", sa.String(), nullable=False),
        sa.Column("plan", sa.String(), nullable=False),
        sa.Column("credits", sa.Integer(), nullable=False),
        sa.Column("amount", sa.Integer(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("payment_id", sa.String()),
        sa.Column("refunded", sa.Integer(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
    )
    op.execute(TRANSACTIONS)


# A subscription's first payment shows as its invoice; its checkout only while, or because, there is none.
TRANSACTIONS = """
CREATE VIEW transactions AS
SELECT id, user_id, CASE type WHEN 'credits' THEN 'credit_purchase' ELSE type END AS type, plan,
    amount, currency, credits, payment_id, refunded, created_at,
    CASE WHEN status = 'expired' THEN 'failed' WHEN status = 'completed' AND refunded >= amount THEN 'refunded'
        ELSE status END AS status
FROM checkouts WHERE type = 'credits' OR status <> 'completed'
UNION ALL
SELECT id, user_id, 'subscription', plan, amount, currency, credits, payment_id, refunded, created_at,
    CASE WHEN status = 'completed' AND amount > 0 AND refunded >= amount THEN 'refunded' ELSE status END
FROM invoices
UNION ALL
SELECT id, user_id, 'spending', '', 0, '', -coalesce(captured, amount), NULL, 0, created_at,
    CASE state WHEN 'open' THEN 'pending' ELSE 'completed' END
FROM holds WHERE state IN ('open', 'captured')
"""
