"""Ends a gateway without breaking a request, before it is told to stop: `python -m gateway.drain`.

Says that it is not ready, waits until nobody sends it new requests, then until those it has are answered.
"""

import os
import sys
import time
import urllib.request

from gateway.render import DEFAULTS

# The longest request that the gateway lets pass (an upload, or a picture that is waited for), and a little.
LONGEST_SECONDS = 125
# How long those before the gateway take to notice.
NOTICE_SECONDS = 10.0
_ACTIVE = "http.public.downstream_rq_active"


def drain(admin: str, notice: float = NOTICE_SECONDS, longest: float = LONGEST_SECONDS) -> bool:
    """Returns once no request is left, at the latest after `longest` seconds; whether none was. Raises OSError."""
    _ask(admin, "/healthcheck/fail", method="POST")
    time.sleep(notice)
    deadline = time.monotonic() + longest
    while active(admin):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True


def active(admin: str) -> int:
    """Requests under way."""
    return int(_ask(admin, f"/stats?filter=^{_ACTIVE}$").rsplit(b" ", 1)[1])


def _ask(admin: str, path: str, method: str = "GET") -> bytes:
    request = urllib.request.Request(f"{admin}{path}", method=method)  # noqa: S310 - our own address
    with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310
        found: bytes = answer.read()
        return found


if __name__ == "__main__":
    port = os.environ.get("ADMIN_PORT", DEFAULTS["ADMIN_PORT"])
    sys.exit(0 if drain(f"http://127.0.0.1:{port}") else 1)
