"""`python -m sandbox demo`: an account with people and outfits, and the browser on a finished try-on."""

import secrets
import sys
import threading
import webbrowser
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

from sandbox import samples

EMAIL, PASSWORD = "demo@example.com", "a demo of Drape"
_TRY_ON_SECONDS = 120
_VISIT_SECONDS = 60


class DemoError(Exception):
    """The demonstration cannot be prepared; the message says why, for people."""


def fill(url: str) -> tuple[str, list[str]]:
    """Brings the account, its pictures and a try-on about, as far as they are not there.

    Returns the address of the finished try-on and the cookies of a session that may see it. Raises DemoError.
    """
    with httpx.Client(base_url=url, timeout=_TRY_ON_SECONDS) as client:
        cookies = _sign_in(client)
        images = _ok(client.get("/api/images"))["images"]
        if not any(image["type"] == "outfit" for image in images):
            _upload(client, "user", samples.people())
            _upload(client, "outfit", samples.outfits())
            images = _ok(client.get("/api/images"))["images"]
        return f"{url}/?job={_finished_job(client, images)}", cookies


def _sign_in(client: httpx.Client) -> list[str]:
    form = {"email": EMAIL, "password": PASSWORD}
    answer = client.post("/api/auth/login", json=form)
    if answer.status_code == 401:
        answer = client.post("/api/auth/register", json=form | {"name": "Demo"})
    _ok(answer)
    return answer.headers.get_list("set-cookie")


def _upload(client: httpx.Client, kind: str, pictures: Iterable[bytes]) -> None:
    for data in pictures:
        _ok(client.post("/api/images/upload", data={"type": kind}, files={"image": ("picture", data)}))


def _finished_job(client: httpx.Client, images: list[dict[str, Any]]) -> str:
    """The job of an earlier demonstration, or a new one: of the first person and the first outfit."""
    jobs = _ok(client.get("/api/tryon/jobs"))["jobs"]
    if done := [job["id"] for job in jobs if job["status"] == "succeeded"]:
        return str(done[0])
    # Newest first.
    person, outfit = ([image["id"] for image in images if image["type"] == kind][-1] for kind in ("user", "outfit"))
    made = _ok(client.post("/api/tryon/generate", json={"personImageId": person, "outfitImageId": outfit}))
    jobs = _ok(client.get("/api/tryon/jobs"))["jobs"]
    if made.get("image") is None or not jobs:
        raise DemoError("The try-on took too long. Please try again.")
    return str(jobs[0]["id"])


def _ok(answer: httpx.Response) -> dict[str, Any]:
    body: dict[str, Any] = answer.json()
    if answer.is_error:
        raise DemoError(body.get("message", f"{answer.request.url.path} answered {answer.status_code}"))
    return body


class Entrance:
    """Lets one browser on this machine in: gives it the session's cookies and sends it on.

    Cookies belong to a host, whatever the port, so the gateway needs no door of its own for this.
    """

    def __init__(self, target: str, cookies: list[str]) -> None:
        self.visited = threading.Event()
        path, visited = f"/{secrets.token_urlsafe(16)}", self.visited

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path != path or visited.is_set():
                    self.send_error(404)
                    return
                self.send_response(303)
                self.send_header("location", target)
                self.send_header("cache-control", "no-store")
                for cookie in cookies:
                    self.send_header("set-cookie", cookie)
                self.end_headers()
                visited.set()

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://localhost:{self._server.server_port}{path}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Shuts the door."""
        self._server.shutdown()
        self._server.server_close()


def show(url: str) -> None:
    """Fills the account at the gateway and leaves the browser on its try-on. Raises DemoError."""
    target, cookies = fill(url)
    entrance = Entrance(target, cookies)
    try:
        if webbrowser.open(entrance.url):
            entrance.visited.wait(_VISIT_SECONDS)
        print(f"The demonstration is at {target}\nSign in as {EMAIL} with the password: {PASSWORD}", file=sys.stdout)
    finally:
        entrance.close()


def answers(url: str) -> bool:
    """Whether a system runs there already."""
    try:
        return httpx.get(f"{url}/health", timeout=2).is_success
    except httpx.HTTPError:
        return False
