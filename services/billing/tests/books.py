"""The ledger's invariants, over the whole database."""

from sqlalchemy import text

from services.kit.database import Database

# One statement, so that it sees one moment even while others change the books.
_ACCOUNTS_THAT_DO_NOT_ADD_UP = text("""
    SELECT * FROM (
        SELECT user_id, available, held,
               (SELECT COALESCE(sum(amount), 0) FROM entries e WHERE e.user_id = a.user_id) AS entries,
               (SELECT COALESCE(sum(remaining), 0) FROM grants g WHERE g.user_id = a.user_id) AS remaining,
               (SELECT COALESCE(sum(amount), 0) FROM holds h WHERE h.user_id = a.user_id AND state = 'open') AS open
        FROM accounts a
    ) AS books
    WHERE available <> entries OR available <> remaining OR held <> open
""")

_HOLDS_WITHOUT_ORIGIN = text("""
    SELECT id, amount, parts FROM holds
    WHERE amount <> (SELECT COALESCE(sum((part->>1)::int), 0) FROM jsonb_array_elements(parts) AS part)
""")

_GRANTS_SPENT_ELSEWHERE = text("""
    SELECT id, amount, remaining FROM grants g
    WHERE amount - remaining <>
        (SELECT COALESCE(sum((part->>1)::int), 0) FROM holds h, jsonb_array_elements(h.parts) AS part
         WHERE h.user_id = g.user_id AND h.state IN ('open', 'captured') AND part->>0 = g.id)
        - (SELECT COALESCE(sum(e.amount), 0) FROM entries e
           WHERE e.user_id = g.user_id AND e.kind = 'expire' AND e.grant_id = g.id)
""")

_HOLDS_RESOLVED_TWICE = text("""
    SELECT hold_id, count(*) FROM entries WHERE kind IN ('capture', 'release') GROUP BY hold_id HAVING count(*) > 1
""")

_RULES = (_ACCOUNTS_THAT_DO_NOT_ADD_UP, _HOLDS_WITHOUT_ORIGIN, _GRANTS_SPENT_ELSEWHERE, _HOLDS_RESOLVED_TWICE)


async def assert_books_balance(database: Database) -> None:
    """Entries = available = what is left of grants; held = open holds; every hold resolved at most once."""
    async with database.read() as connection:
        for statement in _RULES:
            wrong = (await connection.execute(statement)).mappings().all()
            assert not wrong, [dict(row) for row in wrong]
