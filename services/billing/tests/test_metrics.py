"""What is counted, and that no person can be told from it."""

import json
import os
import sys
from asyncio.subprocess import PIPE, create_subprocess_exec

from services.kit.database import Database


async def test_credits_are_counted_once_however_often_a_call_comes(database: Database) -> None:
    environment = os.environ | {"DATABASE_URL": database.url, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = (sys.executable, "-m", "services.billing.tests.metered")
    process = await create_subprocess_exec(*command, env=environment, stdout=PIPE, stderr=PIPE)
    said, wrong = await process.communicate()
    assert process.returncode == 0, wrong.decode()
    found = json.loads(said)
    assert found.pop("drape.billing.ledger.audited")[0][1] > 0
    assert {name: sorted(points, key=str) for name, points in found.items()} == {
        "drape.billing.credits.granted": [[{"source": "purchase"}, 10], [{"source": "signup"}, 5]],
        "drape.billing.credits.held": [[{}, 4 + 3 + 2 + 1]],
        "drape.billing.credits.captured": [[{}, 4 + 2]],
        "drape.billing.credits.released": [
            [{"reason": "captured in part"}, 1],
            [{"reason": "expired"}, 1],
            [{"reason": "released"}, 2],
        ],
        "drape.billing.credits.revoked": [[{}, 4]],
        "drape.billing.ledger.breaches": [[{}, 0]],
    }
