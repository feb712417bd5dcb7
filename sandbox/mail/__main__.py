"""`python -m sandbox.mail`: takes mails on SMTP_PORT, shows them on MAIL_PORT; both on this machine only."""

import asyncio
import os

import uvicorn
from aiosmtpd.smtp import SMTP

from sandbox.mail.inbox import Inbox
from sandbox.mail.page import create_app


async def serve(smtp_port: int, page_port: int) -> None:
    """Serves until interrupted."""
    inbox = Inbox()
    loop = asyncio.get_running_loop()
    smtp = await loop.create_server(
        lambda: SMTP(inbox, hostname="localhost", enable_SMTPUTF8=True), "127.0.0.1", smtp_port
    )
    config = uvicorn.Config(create_app(inbox), "127.0.0.1", page_port, log_level="warning", lifespan="off")
    async with smtp:
        await uvicorn.Server(config).serve()


if __name__ == "__main__":
    asyncio.run(serve(int(os.environ.get("SMTP_PORT", "2525")), int(os.environ.get("MAIL_PORT", "8025"))))
