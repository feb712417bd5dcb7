"""A person who buys credits and plans."""

from typing import Any

import httpx

from tests.e2e.browser import Browser

Json = dict[str, Any]


class Shopper:
    """A person's browser, and their hands on Stripe's pages."""

    def __init__(self, browser: Browser, stripe: httpx.Client) -> None:
        self.browser = browser
        self.stripe = stripe

    def begin(self, plan: str, kind: str = "credits") -> str:
        """Begins a purchase and gives the page to pay at."""
        answer = self.browser.post("/api/billing/checkout", json={"plan": plan, "type": kind})
        assert answer.status_code == 200, answer.text
        return str(answer.json()["url"])

    def buy(self, plan: str, kind: str = "credits") -> None:
        """Buys, with a card that works."""
        page = self.begin(plan, kind)
        assert self.stripe.post(page, data={"action": "pay", "email": self.browser.email}).status_code == 303

    def portal(self) -> str:
        """Opens the portal and gives its address."""
        answer = self.browser.post("/api/billing/portal", json={})
        assert answer.status_code == 200, answer.text
        return str(answer.json()["url"])

    def balance(self) -> Json:
        """What can be spent, and what it is made of."""
        answer = self.browser.get("/api/billing/balance")
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found

    def transactions(self, **query: object) -> Json:
        """A page of the history."""
        answer = self.browser.get("/api/billing/transactions", params={key: str(query[key]) for key in query})
        assert answer.status_code == 200, answer.text
        assert answer.headers["cache-control"] == "no-store"
        found: Json = answer.json()
        return found

    def events(self, event_type: str) -> list[Json]:
        """What Stripe's events of a type, of whomever, are about."""
        shown = self.stripe.get("/_sandbox/events").json()["data"]
        events = [each["event"] for each in shown]
        return [event["data"]["object"] for event in events if event["type"] == event_type]
