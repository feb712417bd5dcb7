"""Holds and captures say how many credits they moved: none when the same call came again."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    # Results are found by name, so replicas that do not know of the new one go on meanwhile.
    op.execute("DROP FUNCTION hold_credits(text, text, integer, timestamptz, timestamptz, text)")
    op.execute("DROP FUNCTION capture_hold(text, text, timestamptz, text)")
    op.execute(HOLD_CREDITS)
    op.execute(CAPTURE_HOLD)


HOLD_CREDITS = """
CREATE FUNCTION hold_credits(
    caller text, wanted_id text, wanted integer, ends timestamptz, moment timestamptz, entry_id text,
    OUT outcome text, OUT credits integer, OUT moved integer
) LANGUAGE plpgsql AS $$
DECLARE
    account accounts;
    found_hold holds;
    source record;
    missing integer := wanted;
    part integer;
    parts_held jsonb := '[]';
    parts_taken jsonb := '[]';
BEGIN
    moved := 0;
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
        part := least(missing, source.remaining);
        parts_held := parts_held || jsonb_build_array(jsonb_build_array(source.id, part));
        parts_taken := parts_taken || jsonb_build_array(jsonb_build_array(source.id, -part));
        missing := missing - part;
        EXIT WHEN missing = 0;
    END LOOP;
    INSERT INTO holds (id, user_id, amount, state, parts, created_at, expires_at)
    VALUES (wanted_id, caller, wanted, 'open', parts_held, moment, ends) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        outcome := 'foreign';  -- another account took the id a moment ago
        RETURN;
    END IF;
    IF part = wanted THEN
        UPDATE grants SET used = used + wanted WHERE id = source.id;
    ELSE
        UPDATE grants SET used = used + (held->>1)::int FROM jsonb_array_elements(parts_held) held WHERE id = held->>0;
    END IF;
    credits := account.available - wanted;
    INSERT INTO entries (id, user_id, kind, amount, held, balance, hold_id, parts, created_at)
    VALUES (entry_id, caller, 'hold', -wanted, wanted, credits, wanted_id, parts_taken, moment);
    UPDATE accounts SET available = credits, held = account.held + wanted, due_at = least(due_at, ends)
    WHERE user_id = caller;
    moved := wanted;
    outcome := 'done';
END $$
"""

CAPTURE_HOLD = """
CREATE FUNCTION capture_hold(
    caller text, wanted_id text, moment timestamptz, entry_id text,
    OUT outcome text, OUT credits integer, OUT moved integer
) LANGUAGE plpgsql AS $$
DECLARE
    account accounts;
    found_hold holds;
BEGIN
    moved := 0;
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
    moved := found_hold.amount;
END $$
"""
