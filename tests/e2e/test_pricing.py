import json

from tests.e2e.browser import Browser

PRICING = {
    "subscriptions": {
        "FREE": {"name": "Free", "credits": 5, "price": 0},
        "BASIC": {"name": "Basic", "credits": 50, "price": 9.99},
        "PREMIUM": {"name": "Premium", "credits": 200, "price": 29.99},
    },
    "creditPackages": {
        "small": {"credits": 10, "price": 4.99},
        "medium": {"credits": 25, "price": 9.99},
        "large": {"credits": 50, "price": 17.99},
    },
}


def test_pricing_is_public_and_exact_in_its_order(browser: Browser) -> None:
    answer = browser.get("/api/billing/pricing")
    assert answer.status_code == 200
    assert json.dumps(answer.json()) == json.dumps(PRICING)


def test_pricing_is_shown_to_people_whose_tokens_are_stale(browser: Browser) -> None:
    browser.headers["authorization"] = "Bearer stale"
    browser.headers["cookie"] = "access_token=x; refresh_token=y; token=z"
    assert browser.get("/api/billing/pricing?currency=eur").json() == PRICING
