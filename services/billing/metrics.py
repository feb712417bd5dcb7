"""What billing tells of itself as metrics. No attribute names a person, and without an exporter nothing is counted."""

import time

from opentelemetry import metrics

_meter = metrics.get_meter("drape.billing")


def _credits(name: str, description: str) -> metrics.Counter:
    return _meter.create_counter(f"drape.billing.credits.{name}", unit="{credit}", description=description)


GRANTED = _credits("granted", "Credits that came in, by source")
HELD = _credits("held", "Credits set aside by holds")
CAPTURED = _credits("captured", "Credits spent")
RELEASED = _credits("released", "Credits that holds gave back, by reason: released, expired or captured in part")
EXPIRED = _credits("expired", "Credits whose grant ended before they were used")
REVOKED = _credits("revoked", "Credits taken back because their money went back")
LAG = _meter.create_histogram(
    "drape.billing.webhook.lag",
    unit="s",
    description="From the moment an event happened at Stripe until it was acted on, by type",
    explicit_bucket_boundaries_advisory=[0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 3_600, 86_400],
)
REPAIRED = _meter.create_counter(
    "drape.billing.reconciliation.repaired",
    unit="{object}",
    description="Objects at Stripe whose webhook was missed and made up for",
)
_breaches = _meter.create_gauge(
    "drape.billing.ledger.breaches", unit="{row}", description="Rows that broke a rule of the books at the last audit"
)
_audited = _meter.create_gauge(
    "drape.billing.ledger.audited", unit="s", description="When the books were last audited, in seconds since 1970"
)


def audited(rows: int) -> None:
    """The books were audited, and so many rows broke a rule."""
    _breaches.set(rows)
    _audited.set(time.time())
