"""`python -m sandbox.mail`: takes mails on SMTP_PORT and shows them on MAIL_PORT, at MAIL_HOST (this machine only)."""

import asyncio
import os

import uvicorn
from aiosmtpd.smtp import SMTP

from sandbox.mail.inbox import Inbox
from sandbox.mail.page import create_app


async def serve(host: str, smtp_port: int, page_port: int) -> None:
    """Serves until interrupted."""
    inbox = Inbox()
    loop = asyncio.get_running_loop()
    smtp = await loop.create_server(lambda: SMTP(inbox, hostname="localhost", enable_SMTPUTF8=True), host, smtp_port)
    config = uvicorn.Config(create_app(inbox), host, page_port, log_level="warning", lifespan="off")
    async with smtp:
        await uvicorn.Server(config).serve()


if __name__ == "__main__":
    ports = (int(os.environ.get(name, default)) for name, default in (("SMTP_PORT", "2525"), ("MAIL_PORT", "8025")))
    asyncio.run(serve(os.environ.get("MAIL_HOST", "127.0.0.1"), *ports))
