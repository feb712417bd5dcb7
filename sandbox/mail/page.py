"""The inbox as a page, and as JSON."""

import html
import re

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from sandbox.mail.inbox import Inbox, Mail

_HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'self'; frame-ancestors 'none'; form-action 'self'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
}
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Inbox</title>
<meta name="viewport" content="width=device-width"><meta http-equiv="refresh" content="5">
<link rel="stylesheet" href="/style.css"></head><body>
<h1>Inbox</h1><p>Mails that Drape has sent on this machine. They reach nobody else.</p>
<form><label>To <input name="to" value="{to}"></label> <button>Show</button></form>
{mails}
</body></html>
"""
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
article { border: 1px solid #ccc; border-radius: 6px; padding: 0 1rem; margin: 1rem 0 }
h2 { font-size: 1.1rem; margin-bottom: 0 } p { margin-top: .2rem; color: #666 }
pre { font: inherit; white-space: pre-wrap; overflow-wrap: anywhere }
"""


def create_app(inbox: Inbox, hosts: tuple[str, ...] = ("localhost", "127.0.0.1")) -> Starlette:
    """The pages. Only the named hosts are answered, so that no page of another site can read the mails."""

    async def page(request: Request) -> Response:
        to = request.query_params.get("to", "")
        mails = "\n".join(_article(mail) for mail in inbox.to(to)) or "<p>Nothing yet.</p>"
        return HTMLResponse(_PAGE.format(to=html.escape(to), mails=mails), headers=_HEADERS)

    async def messages(request: Request) -> Response:
        if request.method == "DELETE":
            inbox.clear()
            return Response(status_code=204)
        found = [mail.as_json() for mail in inbox.to(request.query_params.get("to", ""))]
        return JSONResponse({"messages": found}, headers=_HEADERS)

    async def style(_: Request) -> Response:
        return Response(_STYLE, media_type="text/css", headers=_HEADERS)

    async def health(_: Request) -> Response:
        return PlainTextResponse("ok")

    return Starlette(
        routes=[
            Route("/", page),
            Route("/style.css", style),
            Route("/api/messages", messages, methods=["GET", "DELETE"]),
            Route("/_sandbox/health", health),
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=list(hosts))],
    )


def _article(mail: Mail) -> str:
    text = re.sub(r"https?://[^\s&<]+", r'<a rel="noreferrer" href="\g<0>">\g<0></a>', html.escape(mail.text))
    told = f"to {', '.join(mail.to)}, {mail.received_at}"
    return f"<article><h2>{html.escape(mail.subject)}</h2><p>{html.escape(told)}</p><pre>{text}</pre></article>"
