import pytest

from tests.e2e.browser import Browser
from tests.e2e.contract import assert_refused

RETENTION = "/api/images/retention"


def test_images_are_kept_until_they_are_deleted_unless_their_user_says_otherwise(user: Browser) -> None:
    assert user.get(RETENTION).json() == {"retentionDays": 0}
    answer = user.put(RETENTION, json={"retentionDays": 30})
    assert (answer.status_code, answer.json()) == (200, {"retentionDays": 30})
    assert user.get(RETENTION).json() == {"retentionDays": 30}


@pytest.mark.parametrize("form", [{}, {"retentionDays": -1}, {"retentionDays": 3651}, {"retentionDays": "long"}])
def test_a_time_that_makes_no_sense_is_a_400(user: Browser, form: dict[str, object]) -> None:
    assert_refused(user.put(RETENTION, json=form), 400)


def test_only_who_is_signed_in_may_choose(browser: Browser) -> None:
    for answer in (browser.get(RETENTION), browser.put(RETENTION, json={"retentionDays": 1})):
        assert_refused(answer, 401, "Authentication required")
