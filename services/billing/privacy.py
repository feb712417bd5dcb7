"""What billing does not keep: whatever points to a person. Accounting needs amounts and ids, not names."""

from typing import Any

_PERSONAL = frozenset(
    {
        "address",
        "billing_details",
        "collected_information",
        "customer_address",
        "customer_details",
        "customer_email",
        "customer_name",
        "customer_phone",
        "customer_shipping",
        "email",
        "phone",
        "receipt_email",
        "shipping",
        "shipping_details",
    }
)


def without_people(value: Any) -> Any:
    """An event of Stripe's without names and addresses; what it is about can be asked again by its id."""
    if isinstance(value, list):
        return [without_people(item) for item in value]
    if not isinstance(value, dict):
        return value
    dropped = _PERSONAL | {"name"} if value.get("object") == "customer" else _PERSONAL
    return {key: without_people(item) for key, item in value.items() if key not in dropped}
