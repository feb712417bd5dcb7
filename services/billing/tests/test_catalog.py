"""What is sold."""

from pathlib import Path

import pytest

from services.billing import catalog
from services.billing.catalog import Package, Plan


def test_the_catalog_is_the_contracts() -> None:
    goods = catalog.load()
    assert (goods.currency, goods.proration) == ("usd", "always_invoice")
    assert goods.plans == {
        "free": Plan("Free", 5, 0),
        "basic": Plan("Basic", 50, 999),
        "premium": Plan("Premium", 200, 2999),
    }
    assert goods.packages == {"small": Package(10, 499), "medium": Package(25, 999), "large": Package(50, 1799)}


def test_signing_up_grants_what_the_free_plan_has() -> None:
    assert catalog.load().signup_credits == 5


@pytest.mark.parametrize(
    "text",
    [
        'currency = "usd"',
        'currency = "usd"\nproration = "none"\n[plans.free]\nname = "Free"\n[packages]',
        "[plans]\n[packages]",
        'proration = "half"',
    ],
)
def test_what_is_no_catalog_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "catalog.toml"
    path.write_text(text)
    with pytest.raises((KeyError, TypeError, ValueError)):
        catalog.load(path)
