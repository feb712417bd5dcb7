"""The mails that have come in."""

from collections import deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy

from aiosmtpd.smtp import SMTP, Envelope, Session

MAX_MAILS = 1000


@dataclass(frozen=True)
class Mail:
    """One mail to one or more recipients. `id` is its Message-ID."""

    id: str
    sender: str
    to: tuple[str, ...]
    subject: str
    text: str
    received_at: str

    def as_json(self) -> dict[str, object]:
        """The mail as the page's JSON has it."""
        return {**asdict(self), "to": list(self.to)}


class Inbox:
    """Keeps the newest thousand mails in memory. A mail that comes twice, by its Message-ID, is one."""

    def __init__(self) -> None:
        self._mails: deque[Mail] = deque(maxlen=MAX_MAILS)

    def to(self, address: str = "") -> Iterator[Mail]:
        """Mails to an address, or all, the newest first."""
        wanted = address.lower()
        return (mail for mail in reversed(self._mails) if not wanted or wanted in {to.lower() for to in mail.to})

    def clear(self) -> None:
        """Forgets them all."""
        self._mails.clear()

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's
        """Takes a mail; called by the SMTP server."""
        message = message_from_bytes(envelope.original_content or b"", policy=policy.default)
        body = message.get_body(("plain", "html"))
        mail = Mail(
            id=str(message["Message-ID"] or ""),
            sender=str(message["From"] or envelope.mail_from or ""),
            to=tuple(envelope.rcpt_tos),
            subject=str(message["Subject"] or ""),
            text=str(body.get_content()) if body else "",
            received_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
        )
        if not mail.id or all(known.id != mail.id or known.to != mail.to for known in self._mails):
            self._mails.append(mail)
        return "250 OK"
