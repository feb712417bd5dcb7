"""The secrets of a local stack: made at its first start, kept in its data folder, readable by its owner only."""

import base64
import json
import os
import secrets
from pathlib import Path

from services.kit.identity import public_key_of

SERVICES = ("auth", "media", "tryon", "billing")
OWN = {
    "auth": ("PASSWORD_PEPPER", "REFRESH_SECRET", "KEY_ENCRYPTION_SECRET"),
    "media": ("URL_SECRET",),
    "tryon": (),
    "billing": ("STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET"),
}
"""The secrets that each service has beside its key."""
_PREFIXES = {"STRIPE_SECRET_KEY": "sk_test_", "STRIPE_WEBHOOK_SECRET": "whsec_"}


def load(path: Path) -> dict[str, str]:
    """The secrets by name; a service's private key is `SERVICE_PRIVATE_KEY.<service>`."""
    known: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    wanted = {name: new_text(name) for names in OWN.values() for name in names}
    wanted |= {f"SERVICE_PRIVATE_KEY.{service}": new_service_key() for service in SERVICES}
    if missing := wanted.keys() - known.keys():
        known |= {name: wanted[name] for name in missing}
        _write(path, json.dumps(known, indent=1))
    return known


def public_keys(values: dict[str, str]) -> str:
    """What SERVICE_PUBLIC_KEYS is to be."""
    return json.dumps({service: public_key_of(values[f"SERVICE_PRIVATE_KEY.{service}"]) for service in SERVICES})


def new_text(name: str) -> str:
    """A secret of that name: random, and of the form that Stripe's have where it is one."""
    return _PREFIXES.get(name, "") + secrets.token_hex(24)


def new_service_key() -> str:
    """A private key of a service: Ed25519, base64url."""
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b"=").decode()


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(text)
    partial.replace(path)
