"""Plans and packages, read from catalog.toml."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

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
    """All that is sold, by lower-case key, and the currency of the prices."""

    currency: str
    plans: dict[str, Plan]
    packages: dict[str, Package]

    @property
    def signup_credits(self) -> int:
        """What a new account is granted."""
        return self.plans["free"].credits


def load(path: Path = CATALOG) -> Catalog:
    """Reads a catalog. Raises TypeError or KeyError when it is not one."""
    data = tomllib.loads(path.read_text())
    return Catalog(
        currency=data["currency"],
        plans={key: Plan(**plan) for key, plan in data["plans"].items()},
        packages={key: Package(**package) for key, package in data["packages"].items()},
    )
