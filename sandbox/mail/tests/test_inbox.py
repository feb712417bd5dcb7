import asyncio
from collections.abc import AsyncIterator
from email.message import EmailMessage

import aiosmtplib
import httpx
import pytest
from aiosmtpd.smtp import SMTP

from sandbox.mail.inbox import Inbox
from sandbox.mail.page import create_app


@pytest.fixture
async def smtp_port(inbox: Inbox) -> AsyncIterator[int]:
    """Where the inbox takes mails."""
    loop = asyncio.get_running_loop()
    async with await loop.create_server(lambda: SMTP(inbox, enable_SMTPUTF8=True), "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


@pytest.fixture
def inbox() -> Inbox:
    """An empty inbox."""
    return Inbox()


@pytest.fixture
async def page(inbox: Inbox) -> AsyncIterator[httpx.AsyncClient]:
    """A client of its page."""
    transport = httpx.ASGITransport(create_app(inbox))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client


async def _send(port: int, to: str, subject: str = "Hello", text: str = "text", mail_id: str = "<1@drape>") -> None:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"], mail["Message-ID"] = "drape@example.com", to, subject, mail_id
    mail.set_content(text)
    await aiosmtplib.send(mail, hostname="127.0.0.1", port=port)


async def test_a_mail_is_shown_to_whom_it_was_sent(smtp_port: int, page: httpx.AsyncClient) -> None:
    await _send(smtp_port, "ann@example.com", "Grüße", "see https://localhost/x?token=abc now")
    (mail,) = (await page.get("/api/messages", params={"to": "Ann@Example.com"})).json()["messages"]
    assert (mail["subject"], mail["to"]) == ("Grüße", ["ann@example.com"])
    assert 'href="https://localhost/x?token=abc"' in (await page.get("/")).text
    assert (await page.get("/api/messages", params={"to": "bob@example.com"})).json() == {"messages": []}


async def test_what_a_mail_says_is_never_markup(smtp_port: int, page: httpx.AsyncClient) -> None:
    await _send(smtp_port, "ann@example.com", "<b>", "<script>alert(1)</script>")
    answer = await page.get("/", params={"to": "ann@example.com"})
    assert "<script" not in answer.text
    assert "<b>" not in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


async def test_a_mail_that_comes_twice_is_one(smtp_port: int, page: httpx.AsyncClient) -> None:
    for _ in range(2):
        await _send(smtp_port, "ann@example.com")
    assert len((await page.get("/api/messages")).json()["messages"]) == 1
    await page.delete("/api/messages")
    assert (await page.get("/api/messages")).json() == {"messages": []}


async def test_a_page_of_another_site_cannot_read_the_mails(page: httpx.AsyncClient) -> None:
    assert (await page.get("/api/messages", headers={"host": "evil.example"})).status_code == 400
