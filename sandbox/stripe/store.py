"""The state: every object by its kind and id, kept in memory and mirrored to one JSON file."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import string
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from .errors import ResourceMissing

Object = dict[str, Any]
"""A Stripe object as JSON. Fields that begin with an underscore are ours and are never sent out."""

KIND_OF_PREFIX = {
    "bpc": "billing_portal.configuration",
    "bps": "billing_portal.session",
    "ch": "charge",
    "clock": "test_helpers.test_clock",
    "cs": "checkout.session",
    "cus": "customer",
    "du": "dispute",
    "evt": "event",
    "ii": "invoiceitem",
    "in": "invoice",
    "inpay": "invoice_payment",
    "pi": "payment_intent",
    "pm": "payment_method",
    "price": "price",
    "prod": "product",
    "re": "refund",
    "sub": "subscription",
    "txn": "balance_transaction",
}
_NOUNS = {"checkout.session": "checkout.session", "payment_method": "PaymentMethod"}
_ALPHABET = string.ascii_letters + string.digits


def new_id(prefix: str, length: int = 24) -> str:
    """A fresh id such as `cus_Nk3…`."""
    return f"{prefix}_{''.join(secrets.choice(_ALPHABET) for _ in range(length))}"


class Store:
    """Objects in the order of their creation."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._kinds: dict[str, dict[str, Object]] = {}
        self._version = 0
        self._saved_version = 0
        self._saving = asyncio.Lock()
        if path is not None and path.exists():
            self._kinds = _read_file(path)

    def put(self, thing: Object) -> Object:
        """Add or replace an object."""
        self._kinds.setdefault(thing["object"], {})[thing["id"]] = thing
        self.touch()
        return thing

    def touch(self) -> None:
        """Say that an object was changed in place, so that it is saved."""
        self._version += 1

    def remove(self, kind: str, ids: Iterable[str]) -> None:
        """Forget objects; absent ones are no error."""
        for key in list(ids):
            self._kinds.get(kind, {}).pop(key, None)
        self.touch()

    def clear(self) -> None:
        """Forget everything."""
        self._kinds.clear()
        self.touch()

    def all(self, kind: str) -> Iterator[Object]:
        """Every object of a kind, oldest first, deleted customers and the like included."""
        return iter(list(self._kinds.get(kind, {}).values()))

    def count(self, kind: str) -> int:
        """How many objects of a kind there are."""
        return len(self._kinds.get(kind, {}))

    def find(self, kind: str, key: str) -> Object | None:
        """The object, or None."""
        return self._kinds.get(kind, {}).get(key)

    def get(self, kind: str, key: str, *, param: str = "id") -> Object:
        """The object that exists and was not deleted.

        Raises:
            ResourceMissing: 404, or 400 when `param` names the parameter that carried the id.
        """
        thing = self.find(kind, key)
        if thing is None or thing.get("deleted"):
            noun = _NOUNS.get(kind, kind.rpartition(".")[2])
            raise ResourceMissing(noun, key, param=param)
        return thing

    def by_id(self, key: str, field: str) -> Object | None:
        """The object that a field's id stands for, or None.

        The prefix tells the kind; only products can have ids of any form.
        """
        kind = "product" if field == "product" else KIND_OF_PREFIX.get(key.split("_", 1)[0])
        return self.find(kind, key) if kind else None

    async def saved(self) -> None:
        """Return once every change made before this call is in the state file.

        Callers that wait together share one write; the file is replaced as a whole, so a crash leaves the
        old state or the new one.
        """
        wanted = self._version
        if self._path is None:
            return
        async with self._saving:
            if self._saved_version >= wanted:
                return
            version, document = self._version, json.dumps({"kinds": self._kinds})
            await asyncio.to_thread(_replace_file, self._path, document)
            self._saved_version = version


def _read_file(path: Path) -> dict[str, dict[str, Object]]:
    try:
        kinds: dict[str, dict[str, Object]] = json.loads(path.read_text())["kinds"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is not a state file: {error}") from error
    return kinds


def _replace_file(path: Path, document: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(document)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
