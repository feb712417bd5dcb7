"""A subscription from its beginning to its end, as the person and Stripe's portal make it."""

import re

import httpx

from sandbox.stack import Stack
from tests.e2e.billing.shopper import Shopper
from tests.e2e.polling import until


def use_portal(stripe_pages: httpx.Client, portal: str, action: str, **fields: str) -> None:
    """Presses a button of the portal's only subscription."""
    page = stripe_pages.get(portal).text
    (subscription,) = set(re.findall(r"sub_\w+", page))
    answer = stripe_pages.post(portal, data={"action": action, "subscription": subscription, **fields})
    assert answer.status_code == 303, answer.text


def test_a_plan_is_bought_changed_in_the_portal_and_cancelled(
    shopper: Shopper, stripe_pages: httpx.Client, stack: Stack
) -> None:
    shopper.buy("basic", "subscription")
    until("the plan", lambda: shopper.balance()["subscription"] == "BASIC" and shopper.browser.credits() == 55)
    grants = {grant["source"]: grant for grant in shopper.balance()["grants"]}
    assert "expiresAt" in grants["subscription"]
    (bill,) = shopper.transactions()["transactions"]
    assert (bill["type"], bill["status"], bill["amount"], bill["credits"]) == ("subscription", "completed", 999, 50)
    portal = shopper.portal()
    page = stripe_pages.get(portal).text
    prices = re.findall(r'value="(price_\w+)"[^>]*>([^<]*)', page)
    (premium,) = [price for price, label in prices if "Premium" in label]
    use_portal(stripe_pages, portal, "change", price=premium)
    until("the new plan", lambda: shopper.balance()["subscription"] == "PREMIUM")
    until("the difference", lambda: 195 <= shopper.browser.credits() <= 205)
    use_portal(stripe_pages, portal, "cancel")
    assert shopper.balance()["subscription"] == "PREMIUM"  # until the month is over
    profile = shopper.browser.get("/api/auth/profile").json()["user"]
    assert profile["subscription"] == shopper.balance()["subscription"]


def test_the_portal_leads_back_to_the_frontend(shopper: Shopper, stripe_pages: httpx.Client, stack: Stack) -> None:
    assert f"{stack.frontend_url}/billing" in stripe_pages.get(shopper.portal()).text


def test_one_person_is_one_customer(shopper: Shopper) -> None:
    shopper.buy("small")
    shopper.buy("basic", "subscription")
    shopper.portal()
    customers = shopper.events("customer.created")
    mine = [customer for customer in customers if customer["metadata"].get("user_id") == shopper.browser.user_id]
    assert len(mine) == 1
    until("both", lambda: shopper.browser.credits() == 65)


def test_the_plan_of_a_deleted_account_is_not_billed_any_more(shopper: Shopper) -> None:
    shopper.buy("basic", "subscription")
    until("the plan", lambda: shopper.balance()["subscription"] == "BASIC")
    before = len(shopper.events("customer.subscription.deleted"))
    shopper.browser.delete_account()
    until("the end", lambda: len(shopper.events("customer.subscription.deleted")) == before + 1)


def test_who_asks_for_another_plan_changes_theirs_and_a_cheaper_one_waits_for_the_end_of_the_month(
    shopper: Shopper, stripe_pages: httpx.Client
) -> None:
    shopper.buy("basic", "subscription")
    until("the plan", lambda: shopper.balance()["subscription"] == "BASIC" and shopper.browser.credits() == 55)
    page = shopper.begin("premium", "subscription")
    chosen = re.findall(r'value="(price_\w+)" selected>([^<]*)', stripe_pages.get(page).text)
    [(premium, label)] = chosen
    assert "Premium" in label
    use_portal(stripe_pages, page, "change", price=premium)
    until("the new plan", lambda: shopper.balance()["subscription"] == "PREMIUM")
    until("the difference", lambda: 195 <= shopper.browser.credits() <= 205)
    cheaper = shopper.begin("basic", "subscription")
    [(basic, _)] = re.findall(r'value="(price_\w+)" selected>([^<]*)', stripe_pages.get(cheaper).text)
    before = shopper.browser.credits()
    use_portal(stripe_pages, cheaper, "change", price=basic)
    assert "From then on Drape Basic" in stripe_pages.get(cheaper).text
    assert (shopper.balance()["subscription"], shopper.browser.credits()) == ("PREMIUM", before)
    mine = shopper.events("customer.subscription.created")
    assert len([each for each in mine if each["metadata"].get("user_id") == shopper.browser.user_id]) == 1
