"""The audit log is kept as long as is asked for, and no longer."""

from datetime import timedelta

from sqlalchemy import text

from services.auth import audit
from services.auth.tests.people import People

LOG = "SELECT event FROM audit_log WHERE user_id = :id ORDER BY at"


async def test_entries_older_than_the_retention_are_deleted(people: People) -> None:
    person = await people.join()
    async with people.database.transaction() as connection:
        aged = text("UPDATE audit_log SET at = at - interval '180 days' - interval '1 s' WHERE user_id = :id")
        await connection.execute(aged, {"id": person.account.id})
    async with people.database.transaction() as connection:
        await audit.note(connection, "logged_in", person.account.id)
        await audit.prune(connection, timedelta(days=180))
    assert [row.event for row in await people.rows(LOG, id=person.account.id)] == ["logged_in"]
