"""What a person is told of their credits and of what they bought."""

import httpx

from sandbox.stack import Stack
from tests.e2e.billing.shopper import Shopper
from tests.e2e.contract import assert_refused, moment
from tests.e2e.faults import rows
from tests.e2e.polling import until


def test_the_balance_tells_credits_by_origin(shopper: Shopper) -> None:
    shopper.buy("small")
    until("the credits", lambda: shopper.browser.credits() == 15)
    balance = shopper.balance()
    assert (balance["credits"], balance["held"], balance["debt"], balance["subscription"]) == (15, 0, 0, "FREE")
    assert [(grant["source"], grant["credits"]) for grant in balance["grants"]] == [("signup", 5), ("purchase", 10)]


def test_a_new_account_has_no_transactions(shopper: Shopper) -> None:
    assert shopper.transactions() == {"transactions": [], "nextPageToken": ""}


def test_a_purchase_shows_from_its_beginning_to_its_payment(shopper: Shopper, stripe_pages: httpx.Client) -> None:
    page = shopper.begin("medium")
    (begun,) = shopper.transactions()["transactions"]
    assert (begun["status"], "stripePaymentId" in begun) == ("pending", False)
    stripe_pages.post(page, data={"action": "pay", "email": shopper.browser.email})
    until("the payment", lambda: shopper.transactions()["transactions"][0]["status"] == "completed")
    (done,) = shopper.transactions()["transactions"]
    assert done["id"] == begun["id"]
    assert (done["type"], done["plan"], done["amount"], done["currency"]) == ("credit_purchase", "medium", 999, "usd")
    assert (done["credits"], done["amountRefunded"]) == (25, 0)
    assert str(done["stripePaymentId"]).startswith("pi_")
    moment(done["createdAt"])


def test_a_payment_that_fails_later_shows_as_failed(shopper: Shopper, stripe_pages: httpx.Client) -> None:
    session = shopper.begin("small").rsplit("/", 1)[1]
    for outcome in ("pending", "fails"):
        answer = stripe_pages.post(f"/_sandbox/checkout/{session}/async", json={"outcome": outcome})
        assert answer.status_code == 200, answer.text
    until("the failure", lambda: shopper.transactions()["transactions"][0]["status"] == "failed")
    assert shopper.browser.credits() == 5


def test_a_disputed_purchase_takes_its_credits_and_shows_as_refunded(
    shopper: Shopper, stripe_pages: httpx.Client, stack: Stack
) -> None:
    shopper.buy("small")
    until("the credits", lambda: shopper.browser.credits() == 15)
    payment = shopper.transactions()["transactions"][0]["stripePaymentId"]
    charges = shopper.events("charge.succeeded")
    (charge,) = [charge["id"] for charge in charges if charge["payment_intent"] == payment]
    assert stripe_pages.post("/_sandbox/dispute", json={"charge": charge, "outcome": "lost"}).status_code == 200
    until("the claw-back", lambda: shopper.browser.credits() == 5)
    until("the status", lambda: shopper.transactions()["transactions"][0]["status"] == "refunded")
    kinds = "SELECT kind FROM entries WHERE user_id = $1 ORDER BY number"
    assert [kind for (kind,) in rows(stack, "billing", kinds, shopper.browser.user_id)][-1] == "revoke"


def test_the_history_comes_in_pages_newest_first(shopper: Shopper) -> None:
    for plan in ("small", "medium", "large"):
        shopper.begin(plan)
    first = shopper.transactions(pageSize=2)
    second = shopper.transactions(pageSize=2, pageToken=first["nextPageToken"])
    assert [row["plan"] for row in first["transactions"] + second["transactions"]] == ["large", "medium", "small"]
    assert second["nextPageToken"] == ""


def test_a_page_that_is_none_is_refused(shopper: Shopper) -> None:
    for query in ({"pageSize": "0"}, {"pageSize": "101"}, {"pageSize": "x"}, {"pageToken": "nonsense"}):
        assert_refused(shopper.browser.get("/api/billing/transactions", params=query), 400)


def test_others_see_nothing_of_it(stack: Stack) -> None:
    for method, path in (("GET", "balance"), ("GET", "transactions"), ("POST", "portal")):
        answer = httpx.request(method, f"{stack.url}/api/billing/{path}", json={} if method == "POST" else None)
        assert_refused(answer, 401, "Authentication required")
