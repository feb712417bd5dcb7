"""A program that moves credits with metrics being collected, and prints what was counted as JSON."""

import asyncio
import json
import os
from datetime import UTC, datetime, timedelta
from typing import Any

from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from services.billing.audit import check
from services.billing.ledger import Ledger
from services.kit.database import Database
from services.kit.ids import new_id

MINUTE = timedelta(minutes=1)


async def move(database: Database) -> None:
    """Grants 15; holds 6 twice over; captures 4 and 2 of them, gives 0, 1 and 3 back; 4 are taken back."""
    now = datetime.now(UTC)
    ledger, user, holds = Ledger(database, 5, lambda: now), new_id(), [new_id() for _ in range(4)]
    await ledger.grant(user, "purchase", user, 10)
    for amount, hold_id in zip((4, 3, 2, 1), holds, strict=True):
        for _ in range(2):
            await ledger.hold(user, hold_id, amount, MINUTE)
    for _ in range(2):
        await ledger.capture(user, holds[0])
        await ledger.capture(user, holds[1], 2)
        await ledger.release(user, holds[2])
    await ledger.revoke(user, "purchase", user, 4)
    now += 2 * MINUTE
    await ledger.standing(user)
    await check(database)


def main() -> None:
    """Prints each metric's points, as pairs of its attributes and its value."""
    reader = InMemoryMetricReader()
    metrics.set_meter_provider(MeterProvider([reader]))

    async def run() -> None:
        database = Database(os.environ["DATABASE_URL"], pool=2)
        await move(database)
        await database.close()

    asyncio.run(run())
    data = reader.get_metrics_data()
    assert data
    found: list[Any] = [
        each for part in data.resource_metrics for scope in part.scope_metrics for each in scope.metrics
    ]
    points = {each.name: [[dict(one.attributes or {}), one.value] for one in each.data.data_points] for each in found}
    print(json.dumps(points))


if __name__ == "__main__":
    main()
