"""Revoked sessions, throttling, mailed tokens, the audit log; states of users and keys."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_TIME = sa.TIMESTAMP(timezone=True)


def upgrade() -> None:
    op.add_column("users", sa.Column("email_verified_at", _TIME))
    op.add_column("users", sa.Column("disabled_at", _TIME))
    op.add_column("signing_keys", sa.Column("active_at", _TIME))
    op.execute("UPDATE signing_keys SET active_at = created_at")
    op.alter_column("signing_keys", "active_at", nullable=False)
    _revocations()
    op.create_table(
        "throttles",
        sa.Column("key", sa.LargeBinary(), primary_key=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("blocked_until", _TIME, nullable=False),
        sa.Column("last_at", _TIME, nullable=False, index=True),
    )
    op.create_table(
        "mail_tokens",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False, unique=True),
        sa.Column("user_id", sa.String(), sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("expires_at", _TIME, nullable=False, index=True),
    )
    op.create_table(
        "audit_log",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("at", _TIME, nullable=False, index=True),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), index=True),
        sa.Column("session_id", sa.String()),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("user_agent", sa.String(), nullable=False),
    )


def _revocations() -> None:
    op.create_table(
        "revoked_sessions",
        sa.Column("session_id", sa.String(), primary_key=True),
        sa.Column("revoked_at", _TIME, nullable=False, index=True),
    )
    # A trigger, so that no way in which a session can end, a deleted user's among them, forgets to say so.
    op.execute("""
        CREATE FUNCTION note_ended_session() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          INSERT INTO revoked_sessions (session_id, revoked_at) VALUES (OLD.id, clock_timestamp())
          ON CONFLICT DO NOTHING;
          RETURN NULL;
        END $$
    """)
    op.execute("""
        CREATE TRIGGER sessions_ended AFTER DELETE ON sessions
        FOR EACH ROW EXECUTE FUNCTION note_ended_session()
    """)
