"""What schemathesis cannot know from the document: who is calling, and which images and jobs there are.

It loads this file by SCHEMATHESIS_HOOKS and finds the gateway in GATEWAY_URL. With ANONYMOUS nobody signs in. What each
operation answered is written to ANSWERS in the end.
"""

import atexit
import json
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any, TypeAlias

import schemathesis

from tests.e2e import pictures
from tests.e2e.browser import Browser, Json
from tests.e2e.contract import LEAKS
from tests.e2e.fitting import ask, bring, wait_for

URL = os.environ["GATEWAY_URL"]
ANONYMOUS = bool(os.environ.get("ANONYMOUS"))
Case: TypeAlias = schemathesis.Case[Any]

# These take from their caller what the others need, and are followed by somebody else.
LAST_ACTS = {"logout", "endSession", "deleteAccount", "updateProfile", "deleteImage", "cancelJob"}
_OWN_WORLDS = {name: name for name in LAST_ACTS} | {"getJob": "jobs", "watchJob": "jobs"}
# Each real picture takes seconds; the other requests of these name images that are not there.
EXPENSIVE = {"generate": 2, "createJob": 2, "checkImages": 2, "cancelJob": 2}

_asked: dict[str, Iterator[int]] = defaultdict(count)
_answers: dict[str, Counter[int]] = defaultdict(Counter)


class World:
    """An account, and what it has once somebody asks for it."""

    def __init__(self) -> None:
        self.browser = Browser(URL).sign_up()

    @property
    def token(self) -> str:
        """Its access token."""
        return self.browser.cookies["access_token"]

    @cached_property
    def images(self) -> Json:
        """The fields that name images which a picture can come of."""
        return bring(self.browser)

    @cached_property
    def spare(self) -> Json:
        """An image that is not needed."""
        return self.browser.upload(pictures.noise())

    @cached_property
    def session(self) -> str:
        """Its session's id."""
        return str(self.browser.get("/api/auth/sessions").json()["sessions"][0]["id"])

    @cached_property
    def job(self) -> str:
        """The id of a job that has ended."""
        return str(wait_for(self.browser, self.begin(), "succeeded")["id"])

    def begin(self) -> str:
        """The id of a job that has just begun."""
        return str(ask(self.browser, self.images)["id"])


_worlds: dict[str, World] = defaultdict(World)


def world_of(operation: str) -> World:
    """The account that a request of the operation comes from."""
    return _worlds[_OWN_WORLDS.get(operation, "everything else")]


@schemathesis.auth(refresh_interval=None)
class AccessToken:
    """Signs requests in."""

    def get(self, case: Case, _context: schemathesis.AuthContext) -> str | None:
        """The token of whoever is to ask."""
        return None if ANONYMOUS else world_of(name_of(case)).token

    def set(self, case: Case, data: str, _context: schemathesis.AuthContext) -> None:
        """Puts it where the operation looks for it."""
        if name_of(case) == "refreshSession":
            case.cookies["refresh_token"] = World().browser.cookies["refresh_token"]
        else:
            case.headers["Authorization"] = f"Bearer {data}"


def name_of(case: Case) -> str:
    """The operation's id."""
    return str(case.operation.definition.raw["operationId"])


@schemathesis.hook
def before_call(_context: schemathesis.HookContext, case: Case, _kwargs: dict[str, Any]) -> None:
    """Names things that exist in every second request that is signed in."""
    operation = name_of(case)
    if ANONYMOUS or case.method != case.operation.method.upper():
        return
    number = next(_asked[operation])
    # A made-up picture is none that anybody uploads.
    if (number % 2 and operation != "uploadImage") or number // 2 >= EXPENSIVE.get(operation, 10**6):
        return
    world = world_of(operation)
    if case.path_parameters:
        case.path_parameters = {**case.path_parameters, **_ids(operation, world)}
    if operation == "downloadImage":
        address, _, query = world.spare["url"].partition("?")
        case.path_parameters["id"] = address.rpartition("/")[2]
        case.query.update(part.split("=") for part in query.split("&"))
    if isinstance(case.body, dict):
        named = _NAMED.get(operation, {}).items()
        # A new body, for examples share theirs. What is empty on purpose stays so.
        case.body = case.body | {name: find(world) for name, find in named if _is_given(case.body.get(name, ""))}


def _is_given(value: Any) -> bool:
    # Bytes that are made up are an empty text to Python.
    return type(value) is not str or value != ""


_PICTURES: dict[str, Callable[[World], Any]] = {
    "personImageId": lambda world: world.images["personImageId"],
    "outfitImageId": lambda world: world.images["outfitImageId"],
}
_NAMED: dict[str, dict[str, Callable[[World], Any]]] = {
    "generate": _PICTURES,
    "createJob": _PICTURES,
    "checkImages": _PICTURES,
    "saveImage": {"url": lambda world: world.spare["url"]},
    "uploadImage": {"image": lambda _world: pictures.noise()},
}


def _ids(operation: str, world: World) -> dict[str, str]:
    match operation:
        case "deleteImage":
            return {"id": world.spare["id"]}
        case "endSession":
            return {"id": world.session}
        case "cancelJob":
            return {"id": world.begin()}
        case "getJob" | "watchJob":
            return {"id": world.job}
    return {}


@schemathesis.hook
def after_call(_context: schemathesis.HookContext, case: Case, response: schemathesis.Response) -> None:
    """Remembers the answer; who has given up what they had is followed by somebody else."""
    operation = name_of(case)
    _answers[operation][response.status_code] += 1
    if operation in LAST_ACTS and response.status_code < 300:
        _worlds.pop(operation, None)


@schemathesis.check
def names_only_listed_reasons(_context: schemathesis.CheckContext, response: schemathesis.Response, case: Case) -> None:
    """An error's reason is one that the operation lists for its status, and its words tell of nothing inside."""
    if response.status_code < 400 or case.method != case.operation.method.upper():
        return
    document = case.operation.schema.raw_schema
    answer = case.operation.definition.raw["responses"].get(str(response.status_code), {})
    if reference := answer.get("$ref"):
        answer = document["components"]["responses"][reference.rpartition("/")[2]]
    body = response.json()
    reason = body["details"][0]["reason"]
    assert reason in answer.get("x-reasons", ()), f"{response.status_code} {reason} is not listed"
    assert not [leak for leak in LEAKS if leak in response.text], body


@atexit.register
def write_answers() -> None:
    """Tells the test how often each operation answered with which status."""
    if "ANSWERS" in os.environ:
        Path(os.environ["ANSWERS"]).write_text(json.dumps(_answers))
