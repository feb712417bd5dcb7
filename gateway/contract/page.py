"""The document as a page to read: plain HTML with anchors, in the product's look, without a script."""

import json
import re
from collections.abc import Iterable, Iterator
from html import escape
from string import Template
from typing import Any

from gateway.contract.reasons import ROOT
from gateway.contract.rules import Json

CONTRACT = ROOT / "gateway" / "contract"
ICON = ROOT / "gateway" / "web" / "mark.svg"
STYLES = (ROOT / "gateway" / "web" / "styles" / "base.css", CONTRACT / "docs.css")
# Any call may have these; they are told once instead of with each.
EVERYWHERE = ("BAD_REQUEST", "CROSS_SITE_REQUEST", "INTERNAL", "NOT_JSON", "RATE_LIMITED", "REQUEST_TOO_LARGE")
EVERYWHERE_TOO = ("UNAVAILABLE", "UNSTORABLE_TEXT")
_SIGNED_IN = ("UNAUTHENTICATED", "INVALID_SESSION")


class Page:
    """Turns one document into HTML."""

    def __init__(self, document: Json) -> None:
        self._document = document

    def html(self, stylesheet: str, icon: str) -> str:
        """The whole page, with the addresses of its styles and icon."""
        template = Template((CONTRACT / "docs.html").read_text())
        info = self._document["info"]
        return template.substitute(
            stylesheet=stylesheet,
            icon=icon,
            version=escape(info["version"]),
            navigation=self._navigation(),
            introduction=prose(info["description"]),
            everywhere=self._everywhere(),
            operations="\n".join(self._group(tag) for tag in self._document["tags"]),
            schemas="\n".join(self._schema(name) for name in self._document["components"]["schemas"]),
        )

    def _operations(self, tag: str) -> Iterator[tuple[str, str, Json]]:
        for path, methods in self._document["paths"].items():
            for verb, operation in methods.items():
                if tag in operation["tags"]:
                    yield verb.upper(), path, operation

    def _navigation(self) -> str:
        groups = []
        for tag in self._document["tags"]:
            links = "".join(
                f'<li><a href="#{operation["operationId"]}" title="{escape(operation["summary"])}">'
                f"{_badge(verb)} {escape(path.removeprefix('/api'))}</a></li>"
                for verb, path, operation in self._operations(tag["name"])
            )
            groups.append(f"<h2>{escape(tag['name'])}</h2><ul>{links}</ul>")
        return "\n".join(groups)

    def _group(self, tag: Json) -> str:
        articles = "\n".join(self._operation(*found) for found in self._operations(tag["name"]))
        heading = f'<h2 id="{escape(tag["name"])}">{escape(tag["name"])}</h2>'
        return f'<section class="group">{heading}{prose(tag["description"])}\n{articles}</section>'

    def _operation(self, verb: str, path: str, operation: Json) -> str:
        name = operation["operationId"]
        access = "" if operation["security"] else '<span class="open">no session needed</span>'
        if any("refreshToken" in way for way in operation["security"]):
            access = '<span class="open">needs the refresh token</span>'
        parts = [
            prose(operation.get("description") or operation["summary"] + "."),
            self._parameters(operation.get("parameters", [])),
            self._body("Request", operation.get("requestBody", {})),
            *self._answers(operation["responses"]),
            self._errors(operation["responses"]),
        ]
        return (
            f'<article id="{name}"><h3><a href="#{name}">{escape(operation["summary"])}</a></h3>'
            f'<p class="call">{_badge(verb)} <code>{escape(path)}</code> {access}</p>'
            f'<div class="columns"><div>{"".join(parts)}</div>'
            f'<div class="examples">{self._examples(verb, path, operation)}</div></div></article>'
        )

    def _parameters(self, parameters: list[Json]) -> str:
        rows = [
            (item["name"], _where(item), item["schema"], item.get("required", False), item.get("description", ""))
            for item in parameters
        ]
        return self._table("Parameters", rows)

    def _body(self, title: str, body: Json) -> str:
        text = prose(body.get("description", "")) if title == "Request" else ""
        for kind, content in body.get("content", {}).items():
            schema = self._resolved(content.get("schema", {}))
            rows = [
                (name, "", field, name in schema.get("required", ()), field.get("description", ""))
                for name, field in schema.get("properties", {}).items()
            ]
            text += self._table(f"{title}: {kind}", rows) if rows else f"<h4>{title}: {escape(kind)}</h4>"
            text += prose(schema.get("description", "")) if not rows else ""
        return text

    def _answers(self, responses: Json) -> Iterator[str]:
        for status, answer in responses.items():
            answer = self._resolved(answer)
            if status < "4":
                content = next(iter(answer.get("content", {}).items()), None)
                shape = f" · {escape(content[0])} · {self._type(content[1].get('schema', {}))}" if content else ""
                headers = "".join(
                    f"<li><code>{escape(name)}</code> {inline(header.get('description', ''))}</li>"
                    for name, header in answer.get("headers", {}).items()
                    if header.get("required")
                )
                yield (
                    f"<h4>Answer {status}{shape}</h4>{prose(answer['description'].rstrip('.') + '.')}"
                    + (f"<ul>{headers}</ul>" if headers else "")
                )

    def _errors(self, responses: Json) -> str:
        rows = []
        for status, answer in responses.items():
            answer = self._resolved(answer)
            for reason in answer.get("x-reasons", ()):
                if reason in (*EVERYWHERE, *EVERYWHERE_TOO, *_SIGNED_IN):
                    continue
                example = self._resolved(next(iter(answer["content"].values()))["examples"][reason])
                rows.append(_error_row(status, reason, example))
        return _error_table("Errors", rows)

    def _everywhere(self) -> str:
        """The errors of every call, once."""
        found: dict[tuple[str, str], str] = {}
        for methods in self._document["paths"].values():
            for operation in methods.values():
                for status, answer in operation["responses"].items():
                    answer = self._resolved(answer)
                    for reason in answer.get("x-reasons", ()):
                        if reason in (*EVERYWHERE, *EVERYWHERE_TOO, *_SIGNED_IN):
                            example = self._resolved(next(iter(answer["content"].values()))["examples"][reason])
                            found.setdefault((status, reason), _error_row(status, reason, example))
        return _error_table("", [found[key] for key in sorted(found)])

    def _examples(self, verb: str, path: str, operation: Json) -> str:
        parts = [f"<pre tabindex='0'><code>{escape(self._curl(verb, path, operation))}</code></pre>"]
        for status, answer in operation["responses"].items():
            for content in self._resolved(answer).get("content", {}).values():
                if status < "3" and "example" in content:
                    text = json.dumps(content["example"], indent=2, ensure_ascii=False)
                    parts.append(f"<h4>{status}</h4><pre tabindex='0'><code>{escape(text)}</code></pre>")
        return "".join(parts)

    def _curl(self, verb: str, path: str, operation: Json) -> str:
        query = []
        for item in operation.get("parameters", []):
            if item["in"] == "path":
                path = path.replace(f"{{{item['name']}}}", str(item.get("example", "…")))
            elif item["in"] == "query" and item.get("required"):
                query.append(f"{item['name']}={item.get('example', '…')}")
        address = f'"$DRAPE{path}{"?" + "&".join(query) if query else ""}"'
        body = next(iter(operation.get("requestBody", {}).get("content", {}).items()), None)
        words = ["curl", *(["-b cookies"] if operation["security"] else [])]
        sets_cookies = self._resolved(operation["responses"].get("200", operation["responses"].get("201", {})))
        if sets_cookies.get("headers", {}).get("Set-Cookie", {}).get("required"):
            words.append("-c cookies")
        if body and body[0].startswith("multipart/"):
            return " ".join([*words, address]) + " \\\n  -F type=user -F image=@photo.jpg"
        if verb not in ("GET", "POST") or (verb == "POST" and not body):
            words.append(f"-X {verb}")
        line = " ".join([*words, address])
        if body and "example" in body[1]:
            data = json.dumps(body[1]["example"], ensure_ascii=False)
            return f"{line} \\\n  -H 'Content-Type: application/json' \\\n  -d '{data}'"
        return line

    def _schema(self, name: str) -> str:
        schema = self._document["components"]["schemas"][name]
        rows = [
            (field, "", part, field in schema.get("required", ()), part.get("description", ""))
            for field, part in schema["properties"].items()
        ]
        return (
            f'<article id="schema-{name}"><h3><a href="#schema-{name}">{name}</a></h3>'
            f"{prose(schema.get('description', ''))}{self._table('', rows)}</article>"
        )

    def _table(self, title: str, rows: list[tuple[str, str, Json, bool, str]]) -> str:
        if not rows:
            return ""
        lines = "".join(
            f"<tr><th scope='row'><code>{escape(name)}</code>{'<b>required</b>' if required else ''}</th>"
            f"<td>{' '.join(filter(None, (where, self._type(schema))))}</td><td>{inline(description)}</td></tr>"
            for name, where, schema, required, description in rows
        )
        heading = f"<h4>{escape(title)}</h4>" if title else ""
        columns = (
            "<thead><tr><th scope='col'>Name</th><th scope='col'>Type</th><th scope='col'>Meaning</th></tr></thead>"
        )
        return f"{heading}<div class='scroll' tabindex='0'><table>{columns}<tbody>{lines}</tbody></table></div>"

    def _type(self, schema: Json) -> str:
        if reference := schema.get("$ref"):
            name = reference.rpartition("/")[2]
            return f'<a href="#schema-{name}">{name}</a>'
        if schema.get("type") == "array":
            return f"list of {self._type(schema['items'])}"
        if choices := schema.get("anyOf"):
            return " or ".join(self._type(choice) for choice in choices)
        if allowed := schema.get("enum", [schema["const"]] if "const" in schema else None):
            return " ".join(f"<code>{escape(value)}</code>" for value in allowed)
        return escape(" ".join([schema.get("format") or schema.get("type", "anything"), *_limits(schema)]))

    def _resolved(self, part: Json) -> Json:
        """What a reference stands for."""
        found: Any = part
        while "$ref" in found:
            names, found = found["$ref"].removeprefix("#/").split("/"), self._document
            for name in names:
                found = found[name]
        resolved: Json = found
        return resolved


def prose(text: str) -> str:
    """Paragraphs, headings and lists of a text with as much Markdown as our comments use."""
    html = []
    for block in re.split(r"\n\s*\n", text.strip()):
        if block.startswith("## "):
            html.append(f"<h3>{inline(block[3:])}</h3>")
        elif block:
            html.append(f"<p>{inline(' '.join(block.split()))}</p>")
    return "\n".join(html)


def inline(text: str) -> str:
    """A line with `code` in it."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text, quote=False))


def _badge(verb: str) -> str:
    return f'<span class="verb {verb.lower()}">{verb}</span>'


def _where(parameter: Json) -> str:
    return "" if parameter["in"] == "query" else f"<i>{parameter['in']}</i>"


def _limits(schema: Json) -> Iterable[str]:
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and low > -(2**31):
        yield f"≥ {low}"
    if high is not None and high < 2**31 - 1:
        yield f"≤ {high}"
    if least := schema.get("minLength", 1) - 1:
        yield f"at least {least + 1} characters"
    if most := schema.get("maxLength"):
        yield f"up to {most} characters"


def _error_row(status: str, reason: str, example: Json) -> str:
    sentence = example["value"]["message"]
    return (
        f"<tr><th scope='row'>{status} <code>{reason}</code></th>"
        f"<td>{inline(example['summary'])}</td><td><q>{escape(sentence)}</q></td></tr>"
    )


def _error_table(title: str, rows: list[str]) -> str:
    if not rows:
        return ""
    heading = f"<h4>{title}</h4>" if title else ""
    columns = "<tr><th scope='col'>Reason</th><th scope='col'>Meaning</th><th scope='col'>A person reads</th></tr>"
    return (
        f"{heading}<div class='scroll' tabindex='0'><table><thead>{columns}</thead>"
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )
