"""Plans and packages, read from catalog.toml."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

_PRORATIONS = ("always_invoice", "create_prorations", "none")
CATALOG = Path(__file__).parent / "catalog.toml"


@dataclass(frozen=True)
class Plan:
    """A monthly subscription. `price` in minor units."""

    name: str
    credits: int
    price: int


@dataclass(frozen=True)
class Package:
    """Credits that are bought once. `price` in minor units."""

    credits: int
    price: int


@dataclass(frozen=True)
class Catalog:
    """All that is sold, by lower-case key, the currency of the prices, and how changes of plan are billed."""

    currency: str
    proration: str
    """Stripe's word for how a dearer plan is billed when it begins at once."""
    plans: dict[str, Plan]
    packages: dict[str, Package]

    @property
    def signup_credits(self) -> int:
        """What a new account is granted."""
        return self.plans["free"].credits


def load(path: Path = CATALOG) -> Catalog:
    """Reads a catalog. Raises TypeError, KeyError or ValueError when it is not one."""
    data = tomllib.loads(path.read_text())
    if data["proration"] not in _PRORATIONS:
        raise ValueError(f"proration must be one of: {', '.join(_PRORATIONS)}")
    return Catalog(
        currency=data["currency"],
        proration=data["proration"],
        plans={key: Plan(**plan) for key, plan in data["plans"].items()},
        packages={key: Package(**package) for key, package in data["packages"].items()},
    )
