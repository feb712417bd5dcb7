from collections.abc import Callable

import httpx
import pytest

from tests.e2e.browser import Browser, Json, fetch
from tests.e2e.contract import assert_refused
from tests.e2e.polling import until
from tests.e2e.stripe import Stripe, checkout, pay

CHECKOUT = "/api/billing/checkout"
SMALL = {"plan": "small", "type": "credits"}


def _with_key(user: Browser, key: str, form: Json = SMALL) -> httpx.Response:
    return user.post(CHECKOUT, json=form, headers={"idempotency-key": key})


@pytest.mark.parametrize(
    ("kind", "plan"),
    [
        ("credits", "small"),
        ("credits", "medium"),
        ("credits", "large"),
        ("subscription", "basic"),
        ("subscription", "premium"),
    ],
)
def test_a_checkout_gives_a_page_to_pay_at(user: Browser, kind: str, plan: str) -> None:
    answer = user.post(CHECKOUT, json={"plan": plan, "type": kind})
    assert answer.status_code == 200
    assert set(answer.json()) == {"sessionId", "url"}
    assert answer.json()["sessionId"].startswith("cs_")
    page = fetch(answer.json()["url"])
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize("plan", ["", "small", "free", "gold", "basic; --"])
def test_an_unknown_subscription_plan_is_refused(user: Browser, plan: str) -> None:
    answer = user.post(CHECKOUT, json={"plan": plan, "type": "subscription"})
    assert_refused(answer, 400, "Invalid subscription plan")


@pytest.mark.parametrize("plan", ["", "basic", "tiny", "free"])
def test_an_unknown_credit_package_is_refused(user: Browser, plan: str) -> None:
    assert_refused(user.post(CHECKOUT, json={"plan": plan, "type": "credits"}), 400, "Invalid credit package")


@pytest.mark.parametrize("form", [{}, {"plan": "small"}, {"plan": "small", "type": "gift"}])
def test_an_unknown_type_is_refused(user: Browser, form: Json) -> None:
    assert_refused(user.post(CHECKOUT, json=form), 400)


def test_buying_needs_credentials(browser: Browser) -> None:
    assert_refused(browser.post(CHECKOUT, json=SMALL), 401, "Authentication required")


def test_paying_for_a_small_package_adds_ten_credits(user: Browser) -> None:
    begun = checkout(user)
    paid = pay(begun["url"])
    assert paid.status_code == 303
    assert paid.headers["location"] == "http://localhost:3000/billing?success=true"
    until("the credits are there", lambda: user.credits() == 15)
    assert user.get("/api/auth/profile").json()["user"]["credits"] == 15


def test_the_same_event_again_adds_nothing(user: Browser, stripe: Stripe) -> None:
    begun = checkout(user)
    pay(begun["url"])
    until("the credits are there", lambda: user.credits() == 15)
    for item in stripe.events(begun["sessionId"]):
        stripe.redeliver(item["event"]["id"])
    # Events are acted on in turn: when the next purchase has counted, so has whatever came before it.
    pay(checkout(user)["url"])
    until("the next credits are there", lambda: user.credits() >= 25)
    assert user.credits() == 25


def test_events_delivered_three_times_each_count_once(user: Browser, stripe: Stripe) -> None:
    with stripe.knobs(duplicate=2):
        begun = checkout(user)
        pay(begun["url"])
        until("the credits are there", lambda: user.credits() == 15)
        until("all are delivered", lambda: _deliveries(stripe, begun["sessionId"]) == {"delivered"})
    pay(checkout(user)["url"])
    until("the next credits are there", lambda: user.credits() >= 25)
    assert user.credits() == 25


def test_turning_back_from_the_page_costs_and_gives_nothing(user: Browser) -> None:
    turned_back = pay(checkout(user)["url"], "cancel")
    assert turned_back.headers["location"] == "http://localhost:3000/billing?canceled=true"
    assert user.credits() == 5


def test_a_declined_card_gives_nothing(user: Browser) -> None:
    begun = checkout(user)
    assert pay(begun["url"], "decline").status_code == 402
    assert user.credits() == 5
    assert pay(begun["url"]).status_code == 303
    until("the credits are there", lambda: user.credits() == 15)


def test_a_subscription_gives_its_plan_and_its_credits(user: Browser) -> None:
    pay(checkout(user, "basic", "subscription")["url"])
    until("the credits are there", lambda: user.credits() == 55)
    until("the plan is there", lambda: user.get("/api/auth/profile").json()["user"]["subscription"] == "BASIC")
    assert user.get("/api/billing/balance").json()["subscription"] == "BASIC"


def test_the_same_idempotency_key_gives_the_same_page(user: Browser) -> None:
    first = _with_key(user, "k" * 255)
    assert first.status_code == 200
    assert _with_key(user, "k" * 255).json() == first.json()
    assert _with_key(user, "another").json() != first.json()


def test_without_a_key_every_checkout_is_one_of_its_own(user: Browser) -> None:
    assert checkout(user)["sessionId"] != checkout(user)["sessionId"]


def test_the_same_idempotency_key_with_another_body_is_a_409(user: Browser) -> None:
    assert _with_key(user, "key").status_code == 200
    assert_refused(_with_key(user, "key", {"plan": "large", "type": "credits"}), 409)


def test_people_do_not_share_idempotency_keys(signed_up: Callable[[], Browser]) -> None:
    ann, eve = signed_up(), signed_up()
    assert _with_key(ann, "key").json() != _with_key(eve, "key").json()


def test_an_idempotency_key_of_256_characters_is_too_long(user: Browser) -> None:
    assert_refused(_with_key(user, "k" * 256), 400)


def _deliveries(stripe: Stripe, session_id: str) -> set[str]:
    deliveries = [one for item in stripe.events(session_id) for one in item["deliveries"]]
    assert len(deliveries) >= 3
    return {one["state"] for one in deliveries}
