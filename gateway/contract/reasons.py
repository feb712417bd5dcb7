"""Every error that a call may answer with: what the services' `errors.py` declare, and what the gateway says itself."""

import ast
import importlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from gateway.contract.rules import Json
from services.kit import errors as kit
from services.kit.errors import ServiceError, http_status_of

ROOT = Path(__file__).resolve().parents[2]
_SAID = re.compile(r"json_format: \{code: (\d+), message: \"?([^\"]+?)\"?, details: .*?reason: (\w+)")


@dataclass(frozen=True)
class Reason:
    """One error: its name, how it is answered, what it means and a sentence that it is told with."""

    name: str
    http_status: int
    code: int
    meaning: str
    sentence: str

    def example(self) -> Json:
        """The answer's body."""
        info = {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": self.name,
            "domain": kit.DOMAIN,
            "metadata": {},
        }
        return {"code": self.code, "message": self.sentence, "details": [info]}


class UnknownReason(LookupError):
    """A call names a reason that its service does not declare."""


@cache
def of_service(owner: str) -> dict[str, Reason]:
    """The errors that a service declares, and those that all of them share, by their reasons."""
    own = importlib.import_module(f"services.{owner}.errors")
    found: dict[str, Reason] = {}
    for module, folder in ((kit, ROOT / "services" / "kit"), (own, ROOT / "services" / owner)):
        sentences = _sentences(ROOT / "services") | _sentences(folder)
        for error in vars(module).values():
            if isinstance(error, type) and issubclass(error, ServiceError) and error.__module__ == module.__name__:
                found |= {one.name: one for one in _of_class(error, sentences)}
    return found


@cache
def of_gateway() -> dict[str, Reason]:
    """What Envoy refuses by itself, by its reasons."""
    configuration = (ROOT / "gateway" / "envoy.yaml").read_text()
    said = {name: (int(code), sentence) for code, sentence, name in _SAID.findall(configuration)}
    return {
        name: Reason(name, status, said[name][0], meaning, said[name][1])
        for name, (status, meaning) in _GATEWAY.items()
    }


# With the status and the meaning; code and sentence are read from the gateway's configuration.
_GATEWAY = {
    "BAD_REQUEST": (400, "The request is not HTTP, or its body or a parameter is not what the call takes."),
    "CROSS_SITE_REQUEST": (403, "A page of another site made a browser send it."),
    "ROUTE_NOT_FOUND": (404, "There is nothing at this path, or not for this method."),
    "REQUEST_TOO_LARGE": (413, "The body is larger than 1 MiB (413), or the headers are too long (431)."),
    "NOT_JSON": (415, "A body must be JSON and say so with `Content-Type: application/json`."),
    "RATE_LIMITED": (429, "There are too many requests at once."),
    "INTERNAL": (500, "Something that we did not expect. It is logged under the answer's `X-Request-Id`."),
    "UNAVAILABLE": (503, "A service is away (503) or took too long (504). Nothing is lost; try again."),
}


def _of_class(error: type[ServiceError], sentences: dict[str, str]) -> Iterator[Reason]:
    status = error.http_status or http_status_of(error.code)
    meaning = " ".join((error.__doc__ or "").split())
    if known := getattr(error, "REASONS", None):
        for name, text in known.items():
            yield Reason(name, status, error.code.value[0], text, text)
    elif error is not ServiceError:
        sentence = sentences.get(error.__name__) or getattr(error, "SENTENCE", "") or meaning
        yield Reason(error.reason, status, error.code.value[0], meaning, sentence)


@cache
def _sentences(folder: Path) -> dict[str, str]:
    """What the code says to a person with each class of error: the first plain text."""
    found: dict[str, str] = {}
    for file in sorted((*folder.glob("*.py"), *folder.glob("*/*.py"))):
        if "tests" in file.parts:
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            match node:
                case ast.Call(func=ast.Name(id=name), args=[ast.Constant(value=str(text)), *_]):
                    found.setdefault(name, text)
    return found
