"""Reading the mails that the system has sent."""

import re
from dataclasses import dataclass

import httpx

from tests.e2e.browser import Json
from tests.e2e.polling import until


@dataclass(frozen=True)
class Inbox:
    """Everybody's mails, by address."""

    client: httpx.Client

    def mails(self, to: str, subject: str = "") -> list[Json]:
        """Mails to an address whose subject has the words, the newest first."""
        answer = self.client.get("/api/messages", params={"to": to})
        found: list[Json] = answer.json()["messages"]
        return [mail for mail in found if subject.lower() in mail["subject"].lower()]

    def wait_for(self, to: str, subject: str, count: int = 1) -> Json:
        """The newest of at least so many mails, once they are there."""
        return until(f"mail: {subject}", lambda: self._at_least(to, subject, count))[0]

    def token(self, to: str, subject: str, count: int = 1) -> str:
        """The token in the link of the newest mail."""
        found = re.search(r"\?token=(\S+)", self.wait_for(to, subject, count)["text"])
        assert found, "the mail has no link"
        return found[1]

    def _at_least(self, to: str, subject: str, count: int) -> list[Json]:
        found = self.mails(to, subject)
        return found if len(found) >= count else []
