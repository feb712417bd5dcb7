"""A mixed day of many people against any base URL: python -m tests.load

URL, PEOPLE, SECONDS and THINK (seconds between two things a person does) in the environment change it. Prints for each
kind of request how many there were, how fast, and what went wrong; ends with status 1 when anything did.
"""

import asyncio
import os
import sys
from collections import Counter
from collections.abc import Sequence

from tests.load.people import Ledger, Request, living

URL = os.environ.get("URL", f"http://localhost:{os.environ.get('PORT', '8080')}")
PEOPLE = int(os.environ.get("PEOPLE", "10"))
SECONDS = float(os.environ.get("SECONDS", "60"))
THINK = float(os.environ.get("THINK", "1"))


async def main() -> int:
    """Loads, tells, and returns the exit status."""
    print(f"{PEOPLE} people at {URL} for {SECONDS:.0f} s, {THINK} s between two things that one does …", flush=True)
    async with living(URL, PEOPLE, THINK) as ledger:
        await asyncio.sleep(SECONDS)
    print(table(ledger))
    return 1 if ledger.problems or not ledger.requests else 0


def table(ledger: Ledger) -> str:
    """What happened, as a table and a list of what went wrong."""
    kinds = sorted({request.name for request in ledger.requests})
    ends = [one.ended for one in ledger.requests] or [0.0]
    span = max(ends) - min([one.began for one in ledger.requests] or [0.0])
    rows = [_row(name, [one for one in ledger.requests if one.name == name], span) for name in kinds]
    rows.append(_row("all", ledger.requests, span))
    columns = "".join(f"{name:>9}" for name in ("p50 ms", "p90 ms", "p99 ms", "max ms"))
    head = f"{'request':10} {'count':>7} {'per s':>7}{columns} {'wrong':>6}"
    wrong = Counter((request.name, request.problem) for request in ledger.problems)
    return "\n".join([head, *rows, *(f"{count} × {name}: {problem}" for (name, problem), count in wrong.most_common())])


def _row(name: str, requests: Sequence[Request], span: float) -> str:
    if not requests:
        return f"{name:10} {0:7}"
    took = sorted(request.seconds * 1000 for request in requests)
    shares = [took[min(len(took) - 1, int(len(took) * share))] for share in (0.5, 0.9, 0.99)]
    figures = " ".join(f"{value:8.0f}" for value in (*shares, took[-1]))
    wrong = sum(bool(request.problem) for request in requests)
    return f"{name:10} {len(requests):7} {len(requests) / max(span, 0.001):7.1f} {figures} {wrong:6}"


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
