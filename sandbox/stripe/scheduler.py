"""What happens by itself: payments settle, sessions expire, subscriptions renew, the state is saved."""

from __future__ import annotations

import asyncio
import logging

from . import billing, clocks, refunds, shopper
from .core import Sandbox

_log = logging.getLogger(__name__)
_LOOKS_EVERY_S = 0.25
_SAVES_EVERY_S = 0.25
_CHORES = (
    shopper.settle_due,
    shopper.expire_due,
    refunds.settle_due,
    billing.run_due,
    clocks.advance_waiting,
    lambda sandbox: sandbox.webhooks.trim(),
)


async def keep_time(sandbox: Sandbox) -> None:
    """Do what is due, again and again, until cancelled."""
    while True:
        for chore in _CHORES:
            try:
                chore(sandbox)
            except Exception:  # noqa: BLE001 - one failing chore must not stop the others
                _log.exception("a chore failed")
        sandbox.timers.clear()
        try:
            async with asyncio.timeout(_LOOKS_EVERY_S):
                await sandbox.timers.wait()
        except TimeoutError:
            pass


async def keep_saved(sandbox: Sandbox) -> None:
    """Write what no answer waited for, such as the attempts of a delivery, until cancelled."""
    while True:
        try:
            await sandbox.store.saved()
        except OSError:
            _log.exception("the state was not saved")
        await asyncio.sleep(_SAVES_EVERY_S)
