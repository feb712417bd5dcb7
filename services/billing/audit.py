"""The ledger's invariants over the whole database: `python -m services.billing audit`.

Each rule is a statement that gives the rows that break it. All of them see one moment, even while others change the
books, and nobody waits for them.
"""

import logging
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text

from services.billing import metrics
from services.kit.database import Database

log = logging.getLogger(__name__)

RULES = {
    "an account's sums are those of its entries, grants, open holds and debts": """
        SELECT * FROM (
            SELECT user_id, available, held, debt,
                (SELECT coalesce(sum(amount), 0) FROM entries e WHERE e.user_id = a.user_id) AS entered,
                (SELECT coalesce(sum(e.held), 0) FROM entries e WHERE e.user_id = a.user_id) AS entered_held,
                (SELECT coalesce(sum(e.debt), 0) FROM entries e WHERE e.user_id = a.user_id) AS entered_debt,
                (SELECT coalesce(sum(remaining), 0) FROM grants g WHERE g.user_id = a.user_id) AS remaining,
                (SELECT coalesce(sum(amount), 0) FROM holds h WHERE h.user_id = a.user_id AND state = 'open') AS open,
                (SELECT coalesce(sum(owed - paid), 0) FROM debts d WHERE d.user_id = a.user_id) AS owed
            FROM accounts a
        ) AS sums
        WHERE available <> entered OR available <> remaining
            OR held <> entered_held OR held <> open OR debt <> entered_debt OR debt <> owed""",
    "each entry's balance is the one before it and its amount": """
        SELECT id, user_id, kind, amount, balance FROM (
            SELECT *, sum(amount) OVER (PARTITION BY user_id ORDER BY number) AS running FROM entries
        ) AS numbered
        WHERE balance <> running OR balance < 0""",
    "an entry's parts are its amount, a capture's what was held for it": """
        SELECT id, user_id, kind, amount, held, parts FROM entries
        WHERE CASE kind WHEN 'capture' THEN -held ELSE amount END
            <> (SELECT coalesce(sum((part->>1)::int), 0) FROM jsonb_array_elements(parts) AS part)""",
    "what is left of a grant is what its entries say": """
        SELECT g.id, g.user_id, g.remaining, coalesce(said.credits, 0) AS entered FROM grants g
        LEFT JOIN (
            SELECT part->>0 AS id, sum((part->>1)::int) AS credits
            FROM entries, jsonb_array_elements(parts) AS part WHERE kind <> 'capture' GROUP BY 1
        ) AS said USING (id)
        WHERE g.remaining <> coalesce(said.credits, 0)""",
    "what was used of a grant is in open holds, in captures or in paid debts": """
        SELECT g.id, g.user_id, g.used, coalesce(uses.credits, 0) AS found FROM grants g
        LEFT JOIN (
            SELECT part->>0 AS id, sum((part->>1)::int) AS credits FROM (
                SELECT parts FROM holds WHERE state = 'open'
                UNION ALL SELECT parts FROM entries WHERE kind = 'capture'
                UNION ALL SELECT parts FROM debts
            ) AS users, jsonb_array_elements(parts) AS part GROUP BY 1
        ) AS uses USING (id)
        WHERE g.used <> coalesce(uses.credits, 0)""",
    "what is owed for a grant is what was used of it beyond what was paid for": """
        SELECT g.id, g.user_id, g.amount, g.used, g.revoked, d.owed, d.paid, d.parts FROM grants g
        LEFT JOIN debts d ON d.grant_id = g.id
        WHERE greatest(0, g.used + g.revoked - g.amount) <> coalesce(d.owed, 0)
            OR coalesce(d.user_id, g.user_id) <> g.user_id
            OR coalesce(d.paid, 0)
                <> (SELECT coalesce(sum((part->>1)::int), 0) FROM jsonb_array_elements(d.parts) AS part)""",
    "a hold is of its parts, and a captured one was captured within them": """
        SELECT id, user_id, state, amount, captured, parts FROM holds
        WHERE amount <> (SELECT coalesce(sum((part->>1)::int), 0) FROM jsonb_array_elements(parts) AS part)
            OR state NOT IN ('open', 'captured', 'released', 'expired')
            OR (state = 'captured') <> (captured IS NOT NULL) OR captured NOT BETWEEN 0 AND amount""",
    "a hold is made once and resolved once, as its state says": """
        SELECT h.id, h.user_id, h.state, h.amount, made, captures, releases FROM holds h
        LEFT JOIN (
            SELECT hold_id, user_id, count(*) FILTER (WHERE kind = 'hold') AS made,
                count(*) FILTER (WHERE kind = 'capture') AS captures,
                count(*) FILTER (WHERE kind = 'release') AS releases
            FROM entries WHERE hold_id IS NOT NULL GROUP BY hold_id, user_id
        ) AS said ON said.hold_id = h.id AND said.user_id = h.user_id
        WHERE amount > 0 AND (coalesce(made, 0), coalesce(captures, 0), coalesce(releases, 0))
            <> (1, (state = 'captured')::int, (state IN ('released', 'expired'))::int)""",
    "an account's grants, holds and entries name no other account's": """
        SELECT e.id, e.user_id, e.hold_id, e.grant_id FROM entries e
        LEFT JOIN holds h ON h.id = e.hold_id LEFT JOIN grants g ON g.id = e.grant_id
        WHERE coalesce(h.user_id, e.user_id) <> e.user_id OR coalesce(g.user_id, e.user_id) <> e.user_id""",
}
"""A sentence that is true of the books, and a statement that finds the rows it is not true of."""

_SHOWN = 20


@dataclass(frozen=True)
class Breach:
    """A rule that is broken, and the rows that break it, at most 20 of them."""

    rule: str
    rows: list[dict[str, Any]]


async def breaches(database: Database) -> list[Breach]:
    """The rules that the books break."""
    found = []
    async with database.transaction() as connection:
        await connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
        # It takes as long as there are books; requests have a limit.
        await connection.execute(text("SET LOCAL statement_timeout = 0"))
        for rule, statement in RULES.items():
            rows = (await connection.execute(text(statement))).mappings().fetchmany(_SHOWN)
            if rows:
                found.append(Breach(rule, [dict(row) for row in rows]))
    return found


async def check(database: Database) -> bool:
    """Whether the books keep every rule. Each row that breaks one is logged as an error, and their number a metric."""
    found = await breaches(database)
    metrics.audited(sum(len(breach.rows) for breach in found))
    for breach in found:
        for row in breach.rows:
            log.error("the books break a rule: %s", breach.rule, extra={"row": row})
    return not found
