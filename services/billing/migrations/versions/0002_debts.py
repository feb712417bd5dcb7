"""Grants with effective time, use and revocation; debts; partial captures; entries that tell all; the hold path."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"

TIME = sa.TIMESTAMP(timezone=True)
NONE = sa.text("0")


def upgrade() -> None:
    op.add_column("accounts", sa.Column("debt", sa.Integer(), sa.CheckConstraint("debt >= 0"), server_default=NONE))
    op.alter_column("accounts", "debt", nullable=False)
    op.add_column("accounts", sa.Column("due_at", TIME))
    op.add_column("accounts", sa.Column("stripe_revision", sa.Integer(), server_default=NONE, nullable=False))
    op.add_column("holds", sa.Column("captured", sa.Integer()))
    op.execute("UPDATE holds SET captured = amount WHERE state = 'captured'")
    _change_grants()
    _change_entries()
    op.create_table(
        "debts",
        sa.Column("grant_id", sa.String(), sa.ForeignKey("grants.id"), primary_key=True),
        sa.Column("user_id", sa.String(), sa.ForeignKey("accounts.user_id"), nullable=False, index=True),
        sa.Column("owed", sa.Integer(), nullable=False),
        sa.Column("paid", sa.Integer(), nullable=False),
        sa.Column("parts", JSONB(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.CheckConstraint("paid BETWEEN 0 AND owed"),
    )
    # What was due before this revision is found by the next look at each account.
    op.execute(
        "UPDATE accounts a SET due_at = least("
        "(SELECT min(expires_at) FROM holds h WHERE h.user_id = a.user_id AND state = 'open'), "
        "(SELECT min(expires_at) FROM grants g WHERE g.user_id = a.user_id AND remaining > 0))"
    )
    op.create_index("accounts_due", "accounts", ["due_at"], postgresql_where=sa.text("due_at IS NOT NULL"))
    for function in (HOLD_CREDITS, CAPTURE_HOLD):
        op.execute(sa.text(function))


def _change_grants() -> None:
    for name in ("used", "expired", "revoked"):
        op.add_column("grants", sa.Column(name, sa.Integer(), server_default=NONE, nullable=False))
    op.add_column("grants", sa.Column("paid", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("grants", sa.Column("effective_at", TIME))
    op.add_column("grants", sa.Column("entered_at", TIME))
    op.execute(
        "UPDATE grants g SET effective_at = created_at, entered_at = created_at, "
        "paid = source IN ('purchase', 'subscription'), "
        "used = (SELECT coalesce(sum((part->>1)::int), 0) FROM holds h, jsonb_array_elements(h.parts) part "
        "WHERE h.user_id = g.user_id AND h.state IN ('open', 'captured') AND part->>0 = g.id)"
    )
    op.execute("UPDATE grants SET expired = amount - remaining - used")
    op.alter_column("grants", "effective_at", nullable=False)
    op.drop_column("grants", "remaining")
    # Worked out by the database, so that no statement can forget it.
    left = "CASE WHEN entered_at IS NULL THEN 0 ELSE greatest(0, amount - used - expired - revoked) END"
    op.add_column("grants", sa.Column("remaining", sa.Integer(), sa.Computed(left, persisted=True), nullable=False))
    op.create_check_constraint("grants_parts_check", "grants", "least(used, expired, revoked) >= 0")
    op.create_check_constraint("grants_sum_check", "grants", "used + expired <= amount AND revoked <= amount")


def _change_entries() -> None:
    op.add_column("entries", sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False))
    for name in ("held", "debt"):
        op.add_column("entries", sa.Column(name, sa.Integer(), server_default=NONE, nullable=False))
    op.add_column("entries", sa.Column("balance", sa.Integer(), server_default=NONE, nullable=False))
    op.add_column("entries", sa.Column("parts", JSONB(), server_default="[]", nullable=False))
    op.execute("ALTER TABLE entries DISABLE TRIGGER entries_append_only")
    op.execute(
        "UPDATE entries e SET balance = b.balance FROM "
        "(SELECT id, sum(amount) OVER (PARTITION BY user_id ORDER BY number) AS balance FROM entries) b "
        "WHERE b.id = e.id"
    )
    op.execute(
        "UPDATE entries SET parts = jsonb_build_array(jsonb_build_array(grant_id, amount)) WHERE grant_id IS NOT NULL"
    )
    op.execute(
        "UPDATE entries e SET held = CASE e.kind WHEN 'hold' THEN h.amount ELSE -h.amount END, "
        "parts = (SELECT coalesce(jsonb_agg(jsonb_build_array(part->0, "
        "CASE e.kind WHEN 'hold' THEN -(part->>1)::int ELSE (part->>1)::int END)), '[]') "
        "FROM jsonb_array_elements(h.parts) part) FROM holds h WHERE h.id = e.hold_id"
    )
    op.execute("ALTER TABLE entries ENABLE TRIGGER entries_append_only")
    # A hold is made once and resolved once, whatever the code does.
    op.create_index("entries_hold_made", "entries", ["hold_id"], unique=True, postgresql_where=sa.text("kind = 'hold'"))
    op.create_index(
        "entries_hold_resolved",
        "entries",
        ["hold_id"],
        unique=True,
        postgresql_where=sa.text("kind IN ('capture', 'release')"),
    )


# One call, one round trip, one commit. A single statement with CTEs would not do: all its parts see the grants as
# they were before it waited for the account's row; the statements of a function each see what is committed by then.
HOLD_CREDITS = """
CREATE FUNCTION hold_credits(
    caller text, wanted_id text, wanted integer, ends timestamptz, moment timestamptz, entry_id text,
    OUT outcome text, OUT credits integer
) LANGUAGE plpgsql AS $$
DECLARE
    account accounts;
    found_hold holds;
    source record;
    missing integer := wanted;
    taken jsonb := '[]';
BEGIN
    SELECT * INTO account FROM accounts WHERE user_id = caller FOR UPDATE;
    IF NOT FOUND OR account.due_at <= moment THEN
        outcome := 'due';
        RETURN;
    END IF;
    SELECT * INTO found_hold FROM holds WHERE id = wanted_id;
    IF FOUND THEN
        outcome := CASE
            WHEN found_hold.user_id <> caller THEN 'foreign'
            WHEN found_hold.state IN ('released', 'expired') THEN found_hold.state
            WHEN found_hold.amount <> wanted THEN 'mismatch'
            ELSE 'done' END;
        SELECT balance INTO credits FROM entries WHERE hold_id = wanted_id AND kind = 'hold';
        RETURN;
    END IF;
    credits := account.available;
    IF account.closed_at IS NOT NULL OR account.available < wanted THEN
        outcome := CASE WHEN account.closed_at IS NULL THEN 'insufficient' ELSE 'closed' END;
        RETURN;
    END IF;
    FOR source IN
        SELECT id, remaining FROM grants WHERE user_id = caller AND remaining > 0
        ORDER BY priority, expires_at NULLS LAST, paid, id
    LOOP
        taken := taken || jsonb_build_array(jsonb_build_array(source.id, -least(missing, source.remaining)));
        missing := missing - least(missing, source.remaining);
        EXIT WHEN missing = 0;
    END LOOP;
    INSERT INTO holds (id, user_id, amount, state, parts, created_at, expires_at)
    SELECT wanted_id, caller, wanted, 'open', jsonb_agg(jsonb_build_array(part->0, -(part->>1)::int)), moment, ends
    FROM jsonb_array_elements(taken) part ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        outcome := 'foreign';  -- another account took the id a moment ago
        RETURN;
    END IF;
    UPDATE grants SET used = used - (part->>1)::int FROM jsonb_array_elements(taken) part WHERE id = part->>0;
    credits := account.available - wanted;
    INSERT INTO entries (id, user_id, kind, amount, held, balance, hold_id, parts, created_at)
    VALUES (entry_id, caller, 'hold', -wanted, wanted, credits, wanted_id, taken, moment);
    UPDATE accounts SET available = credits, held = account.held + wanted, due_at = least(due_at, ends)
    WHERE user_id = caller;
    outcome := 'done';
END $$
"""

CAPTURE_HOLD = """
CREATE FUNCTION capture_hold(
    caller text, wanted_id text, moment timestamptz, entry_id text, OUT outcome text, OUT credits integer
) LANGUAGE plpgsql AS $$
DECLARE
    account accounts;
    found_hold holds;
BEGIN
    SELECT * INTO account FROM accounts WHERE user_id = caller FOR UPDATE;
    IF NOT FOUND OR account.due_at <= moment THEN
        outcome := 'due';
        RETURN;
    END IF;
    SELECT * INTO found_hold FROM holds WHERE id = wanted_id;
    IF NOT FOUND OR found_hold.user_id <> caller OR found_hold.state <> 'open' THEN
        outcome := CASE
            WHEN found_hold.id IS NULL THEN 'unknown'
            WHEN found_hold.user_id <> caller THEN 'foreign'
            WHEN found_hold.state = 'captured' AND found_hold.captured = found_hold.amount THEN 'done'
            ELSE found_hold.state END;
        SELECT balance INTO credits FROM entries WHERE hold_id = wanted_id AND kind = 'capture';
        RETURN;
    END IF;
    UPDATE holds SET state = 'captured', captured = amount WHERE id = wanted_id;
    INSERT INTO entries (id, user_id, kind, amount, held, balance, hold_id, parts, created_at)
    VALUES (entry_id, caller, 'capture', 0, -found_hold.amount, account.available, wanted_id, found_hold.parts, moment);
    UPDATE accounts SET held = account.held - found_hold.amount WHERE user_id = caller;
    outcome := 'done';
    credits := account.available;
END $$
"""
