"""What we ask Stripe to sell, and where the person pays."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Purchase:
    """What is bought, as Stripe's page shows it. `amount` in minor units."""

    checkout_id: str
    user_id: str
    kind: str
    name: str
    amount: int
    currency: str
    metadata: dict[str, str]


@dataclass(frozen=True)
class PlanOffer:
    """A plan as Stripe is to sell it by the month. `amount` in minor units."""

    plan: str
    name: str
    amount: int
    currency: str

    @property
    def lookup_key(self) -> str:
        """What its present price is found by."""
        return f"drape_{self.plan}_monthly"


@dataclass(frozen=True)
class SoldPlan:
    """A plan as Stripe has it."""

    price_id: str
    product_id: str


@dataclass(frozen=True)
class PlanChange:
    """A change of plan that the customer is asked to confirm."""

    subscription_id: str
    item_id: str
    price_id: str


@dataclass(frozen=True)
class PaymentPage:
    """Where the person pays."""

    session_id: str
    url: str


def revoked_credits(credits: int, amount: int, refunded: int) -> int:
    """How many of the credits that `amount` paid for go back with `refunded` of it, rounded in the user's favour."""
    return credits * min(refunded, amount) // amount if amount else 0
