"""What can be told of jobs before a worker takes them: here all workers are away."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from sandbox.stack import Stack
from tests.e2e import pictures
from tests.e2e.browser import Browser, Json
from tests.e2e.contract import assert_refused
from tests.e2e.faults import changed, stopped
from tests.e2e.fitting import GENERATE, JOBS, ask, bring, look

NO_CREDITS = "Insufficient credits. Please purchase more credits."


@pytest.fixture(scope="module", autouse=True)
def no_workers(stack: Stack) -> Iterator[None]:
    """Jobs wait; those that ask for them delete their accounts, and with these the jobs. Nobody looks at the photos."""
    with stopped(stack, "worker"), changed(stack, "tryon", PRE_CHECK="false"):
        yield


@pytest.fixture
def patron(user: Browser) -> Iterator[Browser]:
    """Somebody who leaves no jobs behind."""
    yield user
    user.delete_account()


@pytest.fixture
def form(patron: Browser) -> Json:
    """What a try-on is asked for with."""
    return bring(patron, pictures.landscape())


def _with_key(patron: Browser, form: Json, key: str) -> httpx.Response:
    return patron.post(JOBS, json=form, headers={"idempotency-key": key})


def test_a_job_is_answered_at_once_with_202(patron: Browser, form: Json) -> None:
    answer = patron.post(JOBS, json=form)
    assert answer.status_code == 202
    assert set(answer.json()) == {"job"}
    job = answer.json()["job"]
    assert (job["status"], job["stage"], job["progress"], job["engine"]) == ("queued", "queued", 0, "")
    assert (job["personImageId"], job["outfitImageId"]) == (form["personImageId"], form["outfitImageId"])
    assert not {"image", "error", "finishedAt"} & set(job)
    assert look(patron, job["id"])["status"] == "queued"


def test_a_waiting_job_sets_its_credit_aside(patron: Browser, form: Json) -> None:
    ask(patron, form)
    balance = patron.get("/api/billing/balance").json()
    assert (balance["credits"], balance["held"]) == (4, 1)
    assert patron.get("/api/auth/profile").json()["user"]["credits"] == 4


@pytest.mark.parametrize(
    ("option", "values"),
    [
        ("category", ["auto", "tops", "bottoms", "onePieces"]),
        ("garmentPhotoType", ["auto", "flatLay", "model"]),
        ("mode", ["fast", "balanced", "quality"]),
        ("outputFormat", ["jpeg", "png", "webp"]),
        ("seed", [0, 2147483647, None]),
    ],
)
def test_every_valid_option_is_taken(patron: Browser, form: Json, option: str, values: list[object]) -> None:
    for value in values:
        assert ask(patron, form, **{option: value})["status"] == "queued"


@pytest.mark.parametrize("path", [JOBS, GENERATE])
def test_without_a_credit_a_try_on_is_a_402(patron: Browser, form: Json, path: str) -> None:
    for _ in range(5):
        ask(patron, form)
    info = assert_refused(patron.post(path, json=form), 402, NO_CREDITS, "INSUFFICIENT_CREDITS")
    assert info["metadata"] == {"credits": "0", "required": "1"}
    assert patron.credits() == 0
    assert len(patron.get(JOBS).json()["jobs"]) == 5


def test_a_402_tells_credits_and_is_not_stored(patron: Browser, form: Json) -> None:
    for _ in range(5):
        ask(patron, form)
    assert patron.post(GENERATE, json=form).headers.get("cache-control") == "no-store"


def test_requests_at_once_spend_no_more_than_there_is(patron: Browser, form: Json) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: patron.post(JOBS, json=form).status_code, range(8)))
    assert sorted(answers) == [202] * 5 + [402] * 3
    balance = patron.get("/api/billing/balance").json()
    assert (balance["credits"], balance["held"]) == (0, 5)


def test_the_same_idempotency_key_gives_the_same_job_and_costs_once(patron: Browser, form: Json) -> None:
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: _with_key(patron, form, "k" * 255), range(4)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["job"]["id"] for answer in answers}) == 1
    assert patron.credits() == 4


def test_without_a_key_every_request_is_a_job_of_its_own(patron: Browser, form: Json) -> None:
    assert ask(patron, form)["id"] != ask(patron, form)["id"]
    assert patron.credits() == 3


def test_the_same_idempotency_key_with_another_body_is_a_409(patron: Browser, form: Json) -> None:
    assert _with_key(patron, form, "key").status_code == 202
    assert_refused(_with_key(patron, form | {"mode": "fast"}, "key"), 409)
    assert patron.credits() == 4


def test_a_body_that_only_spells_out_the_defaults_is_the_same_body(patron: Browser, form: Json) -> None:
    first = _with_key(patron, form, "key").json()["job"]["id"]
    assert _with_key(patron, form | {"mode": "balanced", "category": "auto"}, "key").json()["job"]["id"] == first


def test_an_idempotency_key_of_256_characters_is_too_long(patron: Browser, form: Json) -> None:
    assert_refused(_with_key(patron, form, "k" * 256), 400)


def test_people_do_not_share_idempotency_keys(patron: Browser, form: Json, signed_up: Callable[[], Browser]) -> None:
    other = signed_up()
    ids = {_with_key(who, what, "key").json()["job"]["id"] for who, what in ((patron, form), (other, bring(other)))}
    other.delete_account()
    assert len(ids) == 2


def test_canceling_a_waiting_job_gives_its_credit_back(patron: Browser, form: Json) -> None:
    job = ask(patron, form)
    for _ in range(2):
        answer = patron.post(f"{JOBS}/{job['id']}/cancel")
        assert answer.status_code == 200
        assert answer.json()["job"]["status"] == "canceled"
    assert patron.credits() == 5
    assert look(patron, job["id"])["finishedAt"]
