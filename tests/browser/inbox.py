"""Reading the mails that the system has sent, without holding up the browser's loop."""

import asyncio
import re
from dataclasses import dataclass

import httpx


@dataclass(frozen=True)
class Inbox:
    """Everybody's mails."""

    url: str

    async def link(self, to: str, subject: str) -> str:
        """The link in the newest mail to an address whose subject has the words, once it is there."""
        async with httpx.AsyncClient(base_url=self.url) as client:
            for _ in range(100):
                found = (await client.get("/api/messages", params={"to": to})).json()["messages"]
                texts = [mail["text"] for mail in found if subject.lower() in mail["subject"].lower()]
                if texts and (link := re.search(r"https?://\S+token=\S+", texts[0])):
                    return link[0]
                await asyncio.sleep(0.2)
        raise AssertionError(f"no mail: {subject}")
