"""What can be counted and measured here. Costs nothing where no telemetry is configured."""

from opentelemetry.metrics import get_meter

_METER = get_meter("drape.media")

uploads = _METER.create_counter("drape.media.uploads", unit="{upload}", description="Uploads, by outcome")
stored_bytes = _METER.create_counter("drape.media.stored", unit="By", description="Bytes given to a store, by store")
decoding_seconds = _METER.create_histogram(
    "drape.media.decoding", unit="s", description="Time in a process that reads pictures, by job"
)
