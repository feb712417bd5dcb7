"""Asking for try-ons."""

import json
from collections.abc import Callable
from dataclasses import dataclass

import httpx

from tests.e2e import pictures
from tests.e2e.browser import Browser, Json
from tests.e2e.polling import until

GENERATE = "/api/tryon/generate"
JOBS = "/api/tryon/jobs"
KEY = "the first try-on"


@dataclass(frozen=True)
class TryOn:
    """A finished try-on: who asked, for what, and how it was answered."""

    user: Browser
    form: Json
    answer: httpx.Response

    @property
    def body(self) -> Json:
        """The answer's JSON."""
        body: Json = self.answer.json()
        return body


def bring(user: Browser, person: bytes | None = None) -> Json:
    """Uploads what a try-on is made of and returns the form that asks for it."""
    photo = user.upload(person or pictures.person())
    outfit = user.upload(pictures.garment(), "outfit")
    return {"personImageId": photo["id"], "outfitImageId": outfit["id"]}


def ask(user: Browser, form: Json, **options: object) -> Json:
    """Asks for a job and returns it."""
    answer = user.post(JOBS, json=form | options)
    assert answer.status_code == 202, answer.text
    job: Json = answer.json()["job"]
    return job


def look(user: Browser, job_id: str) -> Json:
    """The job as it is now."""
    answer = user.get(f"{JOBS}/{job_id}")
    assert answer.status_code == 200, answer.text
    job: Json = answer.json()["job"]
    return job


def wait_for(user: Browser, job_id: str, *statuses: str, seconds: float = 60) -> Json:
    """The job once it has one of the statuses."""

    def there() -> Json | None:
        job = look(user, job_id)
        return job if job["status"] in statuses else None

    job = until(f"the job is {' or '.join(statuses)}", there, seconds)
    assert job
    return job


def events(user: Browser, job_id: str, seen: Callable[[Json], None]) -> None:
    """Reads the job's server-sent events to their end, telling `seen` of each."""
    with user.stream("GET", f"{JOBS}/{job_id}/events", headers={"accept": "text/event-stream"}) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        for line in answer.iter_lines():
            if line.startswith("data:"):
                seen(json.loads(line.removeprefix("data:"))["job"])
