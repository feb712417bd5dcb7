from tests.e2e.browser import Browser
from tests.e2e.contract import assert_refused, moment


def test_the_balance_shows_credits_by_their_origin(user: Browser) -> None:
    answer = user.get("/api/billing/balance")
    assert answer.status_code == 200
    balance = answer.json()
    assert (balance["credits"], balance["held"], balance["subscription"]) == (5, 0, "FREE")
    (grant,) = balance["grants"]
    assert moment(grant.pop("createdAt"))
    assert grant == {"source": "signup", "credits": 5}


def test_the_balance_and_the_profile_agree(user: Browser) -> None:
    assert user.get("/api/auth/profile").json()["user"]["credits"] == user.credits()


def test_the_balance_needs_credentials(browser: Browser) -> None:
    assert_refused(browser.get("/api/billing/balance"), 401, "Authentication required")
