"""Sends mails over SMTP. The only file that knows the client."""

import logging
import time
from email.message import EmailMessage
from email.utils import formatdate
from urllib.parse import unquote, urlsplit

import aiosmtplib

from services.auth.letters import LETTERS
from services.auth.mailed_links import Links
from services.kit import tasks

log = logging.getLogger(__name__)

_TIMEOUT_SECONDS = 10
_PORTS = {"smtp": 25, "smtps": 465}


class MailNotSent(Exception):
    """The mail server did not take a mail. Says nothing of whom it was for."""


class Mailer:
    """The mails of accounts. Links point to the frontend that is configured, whatever a request's Host was."""

    def __init__(self, smtp_url: str, sender: str, frontend_url: str, links: Links) -> None:
        """`smtp_url` is smtp://[user:password@]host[:port] or smtps://…"""
        self._server = urlsplit(smtp_url)
        self._sender = sender
        self._frontend_url = frontend_url.rstrip("/")
        self._links = links

    async def send_link(self, payload: tasks.Payload) -> None:
        """Mails a link, unless it is not good any more. Raises MailNotSent."""
        if row := await self._links.waiting(payload["token_id"]):
            page = LETTERS[row.purpose].page
            link = f"{self._frontend_url}/{page}?token={self._links.token(row.id)}"
            await self._send(row.email, row.purpose, row.id, link)

    async def send_notice(self, payload: tasks.Payload) -> None:
        """Mails a letter without a link, unless it is too late for it. Raises MailNotSent."""
        if payload["until"] > time.time():
            await self._send(payload["to"], payload["letter"], payload["id"])

    async def _send(self, to: str, letter: str, mail_id: str, link: str = "") -> None:
        """A mail that is sent twice has the same id, so that the second one is recognised."""
        template = LETTERS[letter]
        mail = EmailMessage()
        mail["From"] = self._sender
        mail["To"] = to
        mail["Subject"] = template.subject
        mail["Date"] = formatdate()
        mail["Message-ID"] = f"<{mail_id}@drape>"
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(template.text.format(link=link, frontend=self._frontend_url), cte="8bit")
        try:
            await self._deliver(mail)
        except aiosmtplib.SMTPResponseException as error:
            # What the client's errors say may name the recipient, so only the code goes on.
            if 500 <= error.code < 600:
                log.warning("the mail server refuses a mail for good", extra={"smtp_code": error.code})
                return
            raise MailNotSent(f"the mail server answered {error.code}") from None
        except aiosmtplib.SMTPRecipientsRefused:
            log.warning("the mail server refuses a recipient")
        except (aiosmtplib.SMTPException, OSError) as error:
            raise MailNotSent(type(error).__name__) from None

    async def _deliver(self, mail: EmailMessage) -> None:
        server = self._server
        await aiosmtplib.send(
            mail,
            hostname=server.hostname,
            port=server.port or _PORTS[server.scheme],
            username=unquote(server.username) if server.username else None,
            password=unquote(server.password) if server.password else None,
            use_tls=server.scheme == "smtps",
            # A password never goes over the wire in the clear.
            start_tls=True if server.username and server.scheme == "smtp" else None,
            timeout=_TIMEOUT_SECONDS,
        )
