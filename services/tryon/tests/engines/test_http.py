"""What is read from where, and how much of it."""

import base64

import httpx
import pytest

from services.tryon.engines.base import EngineFailed, TryAgain
from services.tryon.engines.http import ProviderHttp

BASE = "https://api.example.com"


def http(*answers: httpx.Response, https_only: bool = True, asked: list[str] | None = None) -> ProviderHttp:
    """A provider that gives these answers in turn, and notes what it was asked for."""
    left = list(answers)

    def answer(request: httpx.Request) -> httpx.Response:
        if asked is not None:
            asked.append(str(request.url))
        return left.pop(0)

    client = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    return ProviderHttp(BASE, https_only=https_only, most_bytes=100, client=client)


@pytest.mark.parametrize(
    "url",
    [
        "http://cdn.example.com/x.png",
        "file:///etc/passwd",
        "//cdn.example.com/x.png",
        "https://127.0.0.1/x.png",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/x.png",
        "https://[broken/x.png",
        "https://localhost/x.png",
        "https://billing/x.png",
        "",
    ],
)
async def test_results_are_read_from_public_https_hosts_only(url: str) -> None:
    asked: list[str] = []
    with pytest.raises(EngineFailed):
        await http(asked=asked).download(url)
    assert asked == []


async def test_redirects_are_followed_to_such_hosts_only() -> None:
    there = httpx.Response(302, headers={"location": "https://cdn.example.com/2.png"})
    away = httpx.Response(302, headers={"location": "http://127.0.0.1/admin"})
    assert await http(there, httpx.Response(200, content=b"ok")).download("https://cdn.example.com/1.png") == b"ok"
    asked: list[str] = []
    with pytest.raises(EngineFailed):
        await http(away, asked=asked).download("https://cdn.example.com/1.png")
    assert asked == ["https://cdn.example.com/1.png"]


async def test_redirects_come_to_an_end() -> None:
    again = [httpx.Response(302, headers={"location": "https://cdn.example.com/1.png"}) for _ in range(9)]
    with pytest.raises(EngineFailed, match="too often"):
        await http(*again).download("https://cdn.example.com/1.png")


async def test_no_more_is_read_than_a_picture_may_have() -> None:
    with pytest.raises(EngineFailed, match="more than 100 bytes"):
        await http(httpx.Response(200, content=bytes(101))).download("https://cdn.example.com/1.png")
    with pytest.raises(EngineFailed, match="more than 100 bytes"):
        await http().download("data:image/png;base64," + base64.b64encode(bytes(103)).decode())
    with pytest.raises(EngineFailed, match="more than 100 bytes"):
        await http(httpx.Response(200, content=bytes(101))).json("GET", "/v1", {})


async def test_a_data_uri_is_its_bytes() -> None:
    assert await http().download("data:image/png;base64," + base64.b64encode(b"ok").decode()) == b"ok"
    for wrong in ("data:text/plain,ok", "data:image/png;base64,%%%"):
        with pytest.raises(EngineFailed):
            await http().download(wrong)


async def test_a_key_is_shown_to_no_other_host() -> None:
    for url in ("https://evil.example.net/v1", "http://api.example.com/v1", "https://api.example.com.evil.net/v1"):
        with pytest.raises(EngineFailed, match="not its own"):
            await http().json("GET", url, {"Authorization": "Bearer key"})


@pytest.mark.parametrize(("value", "seconds"), [("7", 7), ("0.5", 0.5), ("-3", 0), ("soon", None), ("", None)])
async def test_retry_after_is_understood(value: str, seconds: float | None) -> None:
    answer = await http(httpx.Response(429, headers={"retry-after": value}, json={})).json("GET", "/v1", {})
    assert answer.retry_after == seconds
    refusal = answer.refusal()
    assert isinstance(refusal, TryAgain)
    assert refusal.retry_after == seconds


async def test_retry_after_may_be_a_date() -> None:
    headers = {"retry-after": "Fri, 31 Dec 1999 23:59:59 GMT"}
    assert (await http(httpx.Response(503, headers=headers)).json("GET", "/v1", {})).retry_after == 0


async def test_an_answer_that_is_no_object_is_no_answer() -> None:
    for body in (b"<html>", b"[1]", b"\xff", b""):
        with pytest.raises(TryAgain):
            await http(httpx.Response(200, content=body)).json("GET", "/v1", {})
    assert (await http(httpx.Response(502, content=b"<html>")).json("GET", "/v1", {})).data == {}
