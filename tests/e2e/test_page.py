"""How the gateway serves the web application: types, caching, and what a browser must not do with it."""

import re

import httpx
import pytest

from gateway import pages
from sandbox.stack import Stack

PATHS = [
    "/",
    "/gallery",
    "/billing?success=true",
    "/account",
    "/reset-password?token=a",
    "/verify-email?token=a",
    "/forgot-password",
]


@pytest.fixture
def web(stack: Stack) -> httpx.Client:
    """A client that knows nothing of the contract's JSON."""
    return httpx.Client(base_url=stack.url)


def assets(page: str) -> set[str]:
    """Every address that the page names."""
    return set(re.findall(r'(?:src|href)="(/assets/[^"]+)"', page))


@pytest.mark.parametrize("path", PATHS)
def test_the_page_answers_at_each_of_its_paths_without_a_session(web: httpx.Client, path: str) -> None:
    answer = web.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "<title>Drape</title>" in answer.text


def test_the_page_is_asked_for_again_and_sent_only_when_it_has_changed(web: httpx.Client) -> None:
    first = web.get("/")
    assert first.headers["cache-control"] == "no-cache"
    again = web.get("/", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert "location" not in again.headers
    assert web.get("/", headers={"if-none-match": 'W/"another"'}).status_code == 200


def test_every_file_is_kept_for_ever_under_an_address_with_its_hash(web: httpx.Client) -> None:
    kinds = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
    addresses = assets(web.get("/").text)
    assert len(addresses) > 20
    for address in addresses:
        answer = web.get(address)
        assert answer.status_code == 200, address
        assert answer.headers["content-type"].startswith(kinds[address[address.rindex(".") :]])
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.content == (pages.WEB / address.split("/", 3)[3]).read_bytes()
        assert re.match(r"/assets/[0-9a-f]{16}/", address)


def test_files_travel_compressed_and_json_does_not(web: httpx.Client) -> None:
    script = next(address for address in assets(web.get("/").text) if address.endswith("app.js"))
    assert web.get(script).headers["content-encoding"] == "gzip"
    assert "content-encoding" not in web.get("/api/billing/pricing").headers


def test_the_page_may_load_its_own_files_and_nothing_else(web: httpx.Client, stack: Stack) -> None:
    policy = web.get("/").headers["content-security-policy"]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": f"'self' {stack.url} blob:",
        "connect-src": "'self'",
        "form-action": "'self'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }


def test_nothing_in_the_page_is_inline_or_from_elsewhere() -> None:
    page = (pages.WEB / "index.html").read_text()
    assert not re.search(r"<style|style=|\son\w+=|https?://|<script(?![^>]* src=)", page)


@pytest.mark.parametrize(
    ("path", "kind"), [("/docs", "text/html; charset=utf-8"), ("/api/openapi.json", "application/json")]
)
def test_the_description_is_asked_for_again_and_sent_only_when_it_has_changed(
    web: httpx.Client, path: str, kind: str
) -> None:
    first = web.get(path)
    assert (first.status_code, first.headers["content-type"]) == (200, kind)
    assert first.headers["cache-control"] == "no-cache"
    assert "script-src" not in first.headers["content-security-policy"]
    again = web.get(path, headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_the_description_may_be_read_by_anybodys_tools_and_its_page_is_styled(web: httpx.Client) -> None:
    served = web.get("/api/openapi.json", headers={"origin": "https://tools.example"})
    assert served.headers["access-control-allow-origin"] == "*"
    assert served.content == pages.CONTRACT.read_bytes()
    page = web.get("/docs")
    assert "style-src 'self'" in page.headers["content-security-policy"]
    for address in re.findall(r'href="(/docs/[^"]+)"', page.text):
        assert web.get(address).headers["cache-control"] == "public, max-age=31536000, immutable"


def test_only_reading_is_answered(web: httpx.Client) -> None:
    head = web.head("/")
    assert (head.status_code, head.content) == (200, b"")
    for path in ("/", "/assets/0000000000000000/app.js", "/assets/", "/index.html"):
        refused = web.post(path) if path == "/" else web.get(path)
        assert refused.status_code == 404
        assert refused.json()["message"] == "Route not found"


def test_no_module_is_too_long_to_be_read() -> None:
    long = [path.name for path in pages.WEB.rglob("*.js") if len(path.read_text().splitlines()) >= 300]
    assert not long
