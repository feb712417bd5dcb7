"""The hosted pages' HTML: plain, without scripts or anything from elsewhere."""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape

from .money import format_money, format_price
from .store import Object

_STYLE = """
:root { color-scheme: light dark; font: 100%/1.5 system-ui, sans-serif; }
body { margin: 0 auto; padding: 2rem 1rem; max-width: 36rem; }
.note { border-inline-start: .25rem solid; padding: .25rem .75rem; font-size: .875rem; }
[role=alert] { border: .125rem solid #b3261e; padding: .5rem .75rem; }
table { width: 100%; border-collapse: collapse; margin-block: 1rem; }
th, td { padding: .5rem 0; text-align: start; border-bottom: 1px solid #8888; }
th:last-child, td:last-child { text-align: end; }
label { display: block; margin-block: .75rem .25rem; }
input, select { font: inherit; padding: .5rem; width: 100%; box-sizing: border-box; }
button { font: inherit; padding: .6rem 1rem; margin: .75rem .5rem 0 0; cursor: pointer; }
button.primary { background: #4b3fd6; color: #fff; border: 0; border-radius: .3rem; width: 100%; }
section { border-top: 1px solid #8888; margin-top: 1.5rem; }
"""


def page(title: str, *parts: str) -> str:
    """A whole document; the parts are HTML, the title is text."""
    body = "\n".join(part for part in parts if part)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>{_STYLE}</style>
</head>
<body>
<main>
<h1>{escape(title)}</h1>
<p class="note">This is a sandbox: no card is needed and no money moves.</p>
{body}
</main>
</body>
</html>
"""


def message(title: str, text: str, link: tuple[str, str] | None = None) -> str:
    """A page that says one thing and may offer a link `(address, text)`."""
    return page(title, f"<p>{escape(text)}</p>", _link(*link) if link else "")


def checkout(session: Object, alert: str | None = None) -> str:
    """The Checkout page of an open session."""
    verb = "Subscribe" if session["mode"] == "subscription" else "Pay"
    due = format_money(session["amount_total"], session["currency"])
    email = (session["customer_details"] or {}).get("email") or "shopper@example.com"
    rows = [
        [item["description"] or "", str(item["quantity"]), format_price(item["price"], item["quantity"])]
        for item in session["_line_items"]
    ]
    form = f"""<form method="post">
<label for="email">Email</label>
<input id="email" name="email" type="email" autocomplete="email" required value="{escape(email)}">
<label for="name">Name (optional)</label>
<input id="name" name="name" autocomplete="name">
<button class="primary" name="action" value="pay">{verb} {escape(due)}</button>
<button name="action" value="async">Pay later succeeds</button>
<button name="action" value="decline">Decline card</button>
<button name="action" value="cancel" formnovalidate>Cancel</button>
</form>"""
    table = _table(["Item", "Quantity", "Amount"], rows, ("Due today", due))
    return page("Checkout", _alert(alert), table, form)


def portal(
    subscriptions: list[tuple[Object, list[Object]]],
    names: dict[str, str],
    return_url: str | None,
    alert: str | None = None,
    chosen: str | None = None,
) -> str:
    """The portal: each subscription with the plans it can move to; `names` are products' names by id.

    `chosen` is the price that the choice begins with, instead of the present one.
    """
    sections = [_subscription(each, plans, names, chosen) for each, plans in subscriptions]
    back = _link(return_url, "Return") if return_url else ""
    return page("Your subscription", _alert(alert), *(sections or ["<p>No subscription.</p>"]), back)


def invoice(found: Object, alert: str | None = None) -> str:
    """An invoice with a button that pays it while it is open."""
    currency = found["currency"]
    due = format_money(found["amount_remaining"], currency)
    rows = [[line["description"] or "", format_money(line["amount"], currency)] for line in found["lines"]["data"]]
    pay = f'<form method="post"><button class="primary">Pay {escape(due)}</button></form>'
    return page(
        f"Invoice {found['number'] or '(draft)'}",
        _alert(alert),
        f"<p>{escape(found['status'].capitalize())}.</p>",
        _table(["Item", "Amount"], rows, ("Due", due)),
        pay if found["status"] == "open" else "",
    )


def _subscription(subscription: Object, plans: list[Object], names: dict[str, str], chosen: str | None) -> str:
    item = subscription["items"]["data"][0]
    key, status = escape(subscription["id"]), subscription["status"].replace("_", " ").capitalize()
    if subscription["cancel_at"]:
        when, action, text = f"Ends on {_day(subscription['cancel_at'])}.", "resume", "Resume"
    else:
        when = f"Renews on {_day(item['current_period_end'])}."
        action, text = "cancel", "Cancel at the end of the period"
    later = None if subscription["cancel_at"] else subscription.get("_next_price")
    if later and (plan := next((each for each in plans if each["id"] == later), None)):
        when += f" From then on {_plan(plan, 1, names)}."
    return f"""<section>
<h2>{_plan(item["price"], item["quantity"], names)}</h2>
<p>{escape(status)}. {when}</p>
<form method="post">
<input type="hidden" name="subscription" value="{key}">
{_plan_choice(key, chosen or item["price"]["id"], plans, names) if plans else ""}
<button name="action" value="{action}">{text}</button>
</form>
</section>"""


def _plan_choice(key: str, current: str, plans: list[Object], names: dict[str, str]) -> str:
    options = "\n".join(
        f'<option value="{escape(plan["id"])}"{" selected" if plan["id"] == current else ""}>'
        f"{_plan(plan, 1, names)}</option>"
        for plan in plans
    )
    return f"""<label for="price-{key}">Plan</label>
<select id="price-{key}" name="price">
{options}
</select>
<button class="primary" name="action" value="change">Change plan</button>"""


def _plan(price: Object, quantity: int, names: dict[str, str]) -> str:
    return escape(f"{names.get(price['product'], price['product'])}: {format_price(price, quantity)}")


def _table(head: list[str], rows: list[list[str]], foot: tuple[str, str]) -> str:
    titles = "".join(f'<th scope="col">{escape(title)}</th>' for title in head)
    body = "\n".join(f"<tr>{_cells(row)}</tr>" for row in rows)
    label, value = escape(foot[0]), escape(foot[1])
    return f"""<table>
<thead><tr>{titles}</tr></thead>
<tbody>
{body}
</tbody>
<tfoot><tr><th scope="row" colspan="{len(head) - 1}">{label}</th><td>{value}</td></tr></tfoot>
</table>"""


def _cells(row: list[str]) -> str:
    return "".join(f"<td>{escape(cell)}</td>" for cell in row)


def _link(address: str, text: str) -> str:
    return f'<p><a href="{escape(address)}">{escape(text)}</a></p>'


def _alert(text: str | None) -> str:
    return f'<p role="alert">{escape(text)}</p>' if text else ""


def _day(moment: int) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%d %B %Y")
