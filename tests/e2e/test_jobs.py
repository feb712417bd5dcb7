from collections.abc import Callable

import pytest

from sandbox.stack import Stack
from tests.e2e import pictures
from tests.e2e.browser import Browser, Json, fetch
from tests.e2e.contract import assert_refused
from tests.e2e.faults import kill, paused, start
from tests.e2e.fitting import GENERATE, JOBS, TryOn, ask, bring, events, look, wait_for


def test_a_job_is_shown_as_it_was_answered(tryon: TryOn) -> None:
    assert look(tryon.user, tryon.body["job"]["id"]) == tryon.body["job"]


def ask_in_vain(stack: Stack, user: Browser) -> str:
    """Asks for a job whose outfit is deleted before it is begun."""
    with paused(stack, "worker"):
        form = bring(user)
        job_id: str = ask(user, form)["id"]
        assert user.delete(f"/api/images/{form['outfitImageId']}").status_code == 200
    return job_id


def test_a_job_that_fails_says_why_and_costs_nothing(stack: Stack, user: Browser) -> None:
    job = wait_for(user, ask_in_vain(stack, user), "failed", "succeeded")
    assert job["status"] == "failed"
    assert job["error"]["reason"] == "IMAGES_NOT_FOUND"
    assert "deleted" in job["error"]["message"]
    assert "image" not in job
    assert job["createdAt"] <= job["finishedAt"]
    assert user.credits() == 5


@pytest.mark.parametrize("path", [GENERATE, JOBS])
def test_a_photo_without_a_person_is_refused_before_a_credit_is_set_aside(user: Browser, path: str) -> None:
    info = assert_refused(user.post(path, json=bring(user, pictures.landscape())), 400, reason="NO_PERSON_FOUND")
    assert info["metadata"]["field"] == "personImageId"
    assert user.get(JOBS).json()["jobs"] == []
    entries = user.get("/api/billing/transactions").json()["transactions"]
    assert [entry for entry in entries if entry["type"] != "signup"] == []


def test_a_job_whose_worker_is_killed_finishes_once_and_costs_once(stack: Stack, user: Browser) -> None:
    job_id = ask(user, bring(user))["id"]
    wait_for(user, job_id, "running")
    kill(stack, "worker")
    assert look(user, job_id)["status"] == "running"
    start(stack, "worker")
    job = wait_for(user, job_id, "succeeded", "failed")
    assert job["status"] == "succeeded", job
    assert [image["id"] for image in user.images(type="generated")] == [job["image"]["id"]]
    assert pictures.decoded(fetch(job["image"]["url"]).content).size == pictures.PERSON_SIZE
    balance = user.get("/api/billing/balance").json()
    assert (balance["credits"], balance["held"]) == (4, 0)


def test_the_events_of_a_job_end_when_it_does(stack: Stack, user: Browser) -> None:
    job_id = ask_in_vain(stack, user)
    seen: list[Json] = []
    events(user, job_id, seen.append)
    assert {job["id"] for job in seen} == {job_id}
    assert seen[-1] == look(user, job_id)
    assert seen[-1]["status"] == "failed"
    assert len(seen) == len({str(job) for job in seen}), "the same was told twice"


def test_the_jobs_are_listed_newest_first_and_by_the_page(user: Browser) -> None:
    form = bring(user)
    ids = [ask(user, form)["id"] for _ in range(3)]
    for job_id in ids:
        assert user.post(f"{JOBS}/{job_id}/cancel").status_code == 200
    first = user.get(JOBS, params={"pageSize": 2}).json()
    assert [job["id"] for job in first["jobs"]] == [ids[2], ids[1]]
    second = user.get(JOBS, params={"pageSize": 2, "pageToken": first["nextPageToken"]}).json()
    assert [job["id"] for job in second["jobs"]] == [ids[0]]
    assert second["nextPageToken"] == ""


@pytest.mark.parametrize("size", ["0", "-1", "101", "all"])
def test_an_invalid_page_size_is_a_400(user: Browser, size: str) -> None:
    assert_refused(user.get(JOBS, params={"pageSize": size}), 400)


@pytest.mark.parametrize("token", ["x", "%00", "🎫", "aGVsbG8=", "AAAAAAAA" * 6])
def test_an_invalid_page_token_is_a_400(user: Browser, token: str) -> None:
    assert_refused(user.get(JOBS, params={"pageToken": token}), 400)


def test_the_jobs_need_credentials(browser: Browser) -> None:
    for path in (JOBS, f"{JOBS}/any", f"{JOBS}/any/events"):
        assert_refused(browser.get(path), 401, "Authentication required")
    assert_refused(browser.post(f"{JOBS}/any/cancel"), 401, "Authentication required")


def test_a_job_of_somebody_else_looks_like_none_at_all(signed_up: Callable[[], Browser], tryon: TryOn) -> None:
    eve = signed_up()
    for job_id in (tryon.body["job"]["id"], "nothing"):
        assert_refused(eve.get(f"{JOBS}/{job_id}"), 404, "Job not found")
        assert_refused(eve.get(f"{JOBS}/{job_id}/events"), 404, "Job not found")
        assert_refused(eve.post(f"{JOBS}/{job_id}/cancel"), 404, "Job not found")
    assert eve.get(JOBS).json()["jobs"] == []


def test_a_finished_job_cannot_be_canceled(tryon: TryOn) -> None:
    assert_refused(tryon.user.post(f"{JOBS}/{tryon.body['job']['id']}/cancel"), 400)
    assert tryon.user.credits() == 4
