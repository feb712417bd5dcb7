"""What invoices bill beside what is paid for them; a purchase that costs nothing is not a refunded one."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("invoices", sa.Column("total", sa.Integer()))
    op.execute("UPDATE invoices SET total = amount")
    op.alter_column("invoices", "total", nullable=False)
    op.execute(TRANSACTIONS)


# A dispute may take what was refunded already: more never went back than was paid.
TRANSACTIONS = """
CREATE OR REPLACE VIEW transactions AS
SELECT id, user_id, CASE type WHEN 'credits' THEN 'credit_purchase' ELSE type END AS type, plan,
    amount, currency, credits, payment_id, least(refunded, amount) AS refunded, created_at,
    CASE WHEN status = 'expired' THEN 'failed'
        WHEN status = 'completed' AND amount > 0 AND refunded >= amount THEN 'refunded' ELSE status END AS status
FROM checkouts WHERE type = 'credits' OR status <> 'completed'
UNION ALL
SELECT id, user_id, 'subscription', plan, amount, currency, credits, payment_id, least(refunded, amount), created_at,
    CASE WHEN status = 'completed' AND amount > 0 AND refunded >= amount THEN 'refunded' ELSE status END
FROM invoices
UNION ALL
SELECT id, user_id, 'spending', '', 0, '', -coalesce(captured, amount), NULL, 0, created_at,
    CASE state WHEN 'open' THEN 'pending' ELSE 'completed' END
FROM holds WHERE state IN ('open', 'captured')
"""
