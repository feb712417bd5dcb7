"""Routes of the hosted pages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from . import invoices, pages, portal, shopper
from .core import Sandbox
from .errors import ApiError, CardDeclined
from .store import Object

Page = Callable[[Sandbox, Request], Awaitable[Response]]
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}


def html(document: str, status: int = 200) -> HTMLResponse:
    """A page that loads nothing and is never cached."""
    return HTMLResponse(document, status, _HEADERS)


def routes(sandbox: Sandbox) -> list[Route]:
    """The Checkout page, the portal and the page of an invoice."""
    table: list[tuple[str, str, Page]] = [
        ("GET", "/c/pay/{session}", _show_checkout),
        ("POST", "/c/pay/{session}", _use_checkout),
        ("GET", "/p/session/{session}", _show_portal),
        ("POST", "/p/session/{session}", _use_portal),
        ("GET", "/i/{invoice}", _show_invoice),
        ("POST", "/i/{invoice}", _pay_invoice),
    ]
    return [Route(path, _with(sandbox, page), methods=[method]) for method, path, page in table]


def _with(sandbox: Sandbox, handler: Page) -> Callable[[Request], Awaitable[Response]]:
    """The handler as a route; errors become a page, and the state is saved before the answer."""

    async def serve(request: Request) -> Response:
        try:
            response = await handler(sandbox, request)
        except ApiError as error:
            response = html(pages.message("Something is wrong", error.message), error.status)
        await sandbox.store.saved()
        return response

    return serve


async def _show_checkout(sandbox: Sandbox, request: Request) -> Response:
    session = sandbox.store.get("checkout.session", request.path_params["session"])
    return _closed(session) or html(pages.checkout(session))


async def _use_checkout(sandbox: Sandbox, request: Request) -> Response:
    session = sandbox.store.get("checkout.session", request.path_params["session"])
    form = await request.form()
    action = form.get("action")
    if action == "cancel":
        return _cancelled(session)
    closed = _closed(session)
    if closed:
        return closed
    email, name = str(form.get("email") or "") or None, str(form.get("name") or "") or None
    try:
        if action == "async":
            shopper.pay_later(sandbox, session, email=email, name=name)
        else:
            behaviour = "declines" if action == "decline" else "succeeds"
            shopper.pay(sandbox, session, email=email, name=name, behaviour=behaviour)
    except CardDeclined as declined:
        return html(pages.checkout(session, declined.message), declined.status)
    return RedirectResponse(shopper.success_url(session), 303)


def _cancelled(session: Object) -> Response:
    if session["cancel_url"]:
        return RedirectResponse(session["cancel_url"], 303)
    return html(pages.message("Not paid", "You can close this page."))


def _closed(session: Object) -> Response | None:
    if session["status"] == "complete":
        onward = (shopper.success_url(session), "Continue")
        return html(pages.message("Already paid", "This checkout is complete.", onward), 409)
    if session["status"] == "expired":
        back = (session["cancel_url"], "Go back") if session["cancel_url"] else None
        return html(pages.message("Expired", "This checkout has expired.", back), 410)
    return None


async def _show_portal(sandbox: Sandbox, request: Request) -> Response:
    session = portal.open_session(sandbox, request.path_params["session"])
    return html(_portal_page(sandbox, session))


async def _use_portal(sandbox: Sandbox, request: Request) -> Response:
    session = portal.open_session(sandbox, request.path_params["session"])
    form = await request.form()
    action, subscription, price = (str(form.get(name) or "") for name in ("action", "subscription", "price"))
    try:
        portal.act(sandbox, session, action, subscription, price)
    except ApiError as error:
        return html(_portal_page(sandbox, session, error.message), error.status)
    return RedirectResponse(portal.next_url(session) or session["url"], 303)


def _portal_page(sandbox: Sandbox, session: Object, alert: str | None = None) -> str:
    shown = portal.subscriptions_of(sandbox, session)
    subscriptions = [(each, portal.plans_for(sandbox, session, each)) for each in shown]
    names = {product["id"]: product["name"] for product in sandbox.store.all("product")}
    return pages.portal(subscriptions, names, session["return_url"], alert, portal.confirmed_price(session))


async def _show_invoice(sandbox: Sandbox, request: Request) -> Response:
    return html(pages.invoice(sandbox.store.get("invoice", request.path_params["invoice"])))


async def _pay_invoice(sandbox: Sandbox, request: Request) -> Response:
    invoice = sandbox.store.get("invoice", request.path_params["invoice"])
    try:
        invoices.pay(sandbox, {}, invoice["id"])
    except ApiError as error:
        return html(pages.invoice(invoice, error.message), error.status)
    return RedirectResponse(invoice["hosted_invoice_url"], 303)
