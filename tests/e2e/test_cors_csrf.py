import httpx
import pytest

from tests.e2e import pictures
from tests.e2e.browser import Browser, fetch
from tests.e2e.contract import assert_refused

FRONTEND = "http://localhost:3000"
STRANGERS = ["https://evil.example", "http://localhost:3001", "https://localhost:3000", "http://localhost", "null"]
PREFLIGHTS = [
    ("/api/auth/register", "POST", "content-type"),
    ("/api/user/profile", "PUT", "authorization, content-type"),
    ("/api/user/account", "DELETE", "authorization"),
    ("/api/images/upload", "POST", "authorization"),
    ("/api/images/any", "DELETE", "authorization"),
    ("/api/tryon/generate", "POST", "authorization, content-type, idempotency-key"),
    ("/api/billing/checkout", "POST", "authorization, content-type, idempotency-key"),
    ("/api/images", "GET", "authorization"),
]


def _preflight(browser: Browser, path: str, method: str, headers: str, origin: str = FRONTEND) -> httpx.Response:
    asked = {
        "origin": origin,
        "access-control-request-method": method,
        "access-control-request-headers": headers,
        "sec-fetch-site": "cross-site",
    }
    return browser.options(path, headers=asked)


def _words(header: str) -> set[str]:
    return {word.strip().lower() for word in header.split(",")}


@pytest.mark.parametrize(("path", "method", "headers"), PREFLIGHTS)
def test_preflights_of_the_frontend_are_answered(browser: Browser, path: str, method: str, headers: str) -> None:
    answer = _preflight(browser, path, method, headers)
    assert answer.status_code in (200, 204)
    assert answer.headers["access-control-allow-origin"] == FRONTEND
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert method.lower() in _words(answer.headers["access-control-allow-methods"])
    assert _words(headers) <= _words(answer.headers["access-control-allow-headers"])


@pytest.mark.parametrize("origin", STRANGERS)
def test_preflights_of_others_allow_nothing(browser: Browser, origin: str) -> None:
    answer = _preflight(browser, "/api/auth/login", "POST", "content-type", origin)
    assert "access-control-allow-origin" not in answer.headers


def test_the_frontend_may_read_answers_with_credentials(user: Browser) -> None:
    answer = user.get("/api/auth/profile", headers={"origin": FRONTEND, "sec-fetch-site": "same-site"})
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == FRONTEND
    assert answer.headers["access-control-allow-credentials"] == "true"


@pytest.mark.parametrize("origin", STRANGERS)
def test_others_may_not_read_answers(user: Browser, origin: str) -> None:
    answer = user.get("/api/auth/profile", headers={"origin": origin})
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/auth/profile", 401),
        ("GET", "/nowhere", 404),
        ("POST", "/api/auth/login", 400),
        ("POST", "/api/auth/register", 400),
    ],
)
def test_the_frontend_may_read_refusals(browser: Browser, method: str, path: str, status: int) -> None:
    answer = browser.request(method, path, headers={"origin": FRONTEND})
    assert answer.status_code == status
    assert answer.headers["access-control-allow-origin"] == FRONTEND
    assert answer.headers["access-control-allow-credentials"] == "true"


def test_the_frontend_may_read_that_its_json_is_bad(browser: Browser) -> None:
    answer = browser.post(
        "/api/auth/login", content=b"{", headers={"origin": FRONTEND, "content-type": "application/json"}
    )
    assert_refused(answer, 400)
    assert answer.headers["access-control-allow-origin"] == FRONTEND


def test_the_frontend_may_read_that_a_file_is_too_large(user: Browser) -> None:
    files = {"image": ("a.jpg", pictures.padded(6_000_000))}
    answer = user.post("/api/images/upload", files=files, headers={"origin": FRONTEND})
    assert_refused(answer, 413)
    assert answer.headers["access-control-allow-origin"] == FRONTEND


@pytest.mark.parametrize("site", ["same-site", "cross-site", "same-origin"])
def test_the_frontend_may_change_things_wherever_it_is_hosted(user: Browser, site: str) -> None:
    headers = {"origin": FRONTEND, "sec-fetch-site": site}
    assert user.put("/api/user/profile", json={"name": "Bea"}, headers=headers).status_code == 200


def test_the_gateways_own_pages_may_change_things(user: Browser) -> None:
    headers = {"origin": str(user.base_url).rstrip("/"), "sec-fetch-site": "same-origin"}
    assert user.put("/api/user/profile", json={"name": "Bea"}, headers=headers).status_code == 200


@pytest.mark.parametrize("origin", STRANGERS)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_other_sites_may_not_change_things(user: Browser, method: str, origin: str) -> None:
    for headers in ({"origin": origin}, {"origin": origin, "sec-fetch-site": "cross-site"}):
        answer = user.request(method, "/api/user/profile", json={"name": "Eve"}, headers=headers)
        assert_refused(answer, 403)
    assert user.get("/api/auth/profile").json()["user"]["name"] == "Ann"


def test_other_sites_may_not_sign_people_out(user: Browser) -> None:
    answer = user.post("/api/auth/logout", headers={"sec-fetch-site": "cross-site"})
    assert_refused(answer, 403)
    assert "set-cookie" not in answer.headers
    assert user.get("/api/auth/profile").status_code == 200


def test_pictures_show_on_the_frontends_pages(user: Browser) -> None:
    shown = fetch(
        user.upload(pictures.noise())["url"],
        referer=f"{FRONTEND}/gallery",
        sec_fetch_site="cross-site",
        sec_fetch_mode="no-cors",
        sec_fetch_dest="image",
    )
    assert shown.status_code == 200
    assert shown.headers["cross-origin-resource-policy"] == "cross-origin"
