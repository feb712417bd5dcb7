"""Makes the secrets of a system for those who have no vault: python -m scripts.cluster_secrets DIR|FILE.env

Into a folder, a file of NAME=value lines for each Kubernetes Secret; into a file, what compose.yaml asks for. Readable
by their owner only. What is there is kept, so nobody is signed out and nothing becomes unreadable when it runs again;
a name that is missing is added.
"""

import os
import secrets
import sys
from pathlib import Path

from sandbox.secrets import OWN, SERVICES, new_service_key, new_text, public_keys


def write(folder: Path) -> None:
    """Writes what is missing of each Secret."""
    folder.mkdir(parents=True, exist_ok=True)
    keys = {f"SERVICE_PRIVATE_KEY.{name}": _private_key(folder / f"{name}.env") for name in SERVICES}
    for name in SERVICES:
        own = {text: new_text(text) for text in OWN[name]}
        own["SERVICE_PRIVATE_KEY"] = keys[f"SERVICE_PRIVATE_KEY.{name}"]
        known = _read(folder / f"{name}.env")
        _write(folder / f"{name}.env", own | known | {"SERVICE_PUBLIC_KEYS": public_keys(keys)})
        password = secrets.token_hex(24)
        url = f"postgresql://{name}:{password}@postgres:5432/{name}"
        database = {"username": name, "password": password, "DATABASE_URL": url}
        _write(folder / f"{name}-database.env", database | _read(folder / f"{name}-database.env"))
    admin = folder / "postgres.env"
    _write(admin, {"POSTGRES_PASSWORD": secrets.token_hex(24)} | _read(admin))


def write_compose(file: Path) -> None:
    """Writes what is missing of a .env for compose.yaml. Those of outside clouds are left empty, to be filled in."""
    known = _read(file)
    outside = dict.fromkeys(("STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET", "SMTP_URL"), "")
    own = {text: new_text(text) for name in SERVICES for text in OWN[name] if text not in outside}
    own |= {f"{name.upper()}_SERVICE_PRIVATE_KEY": new_service_key() for name in SERVICES}
    own |= {f"{name.upper()}_DATABASE_PASSWORD": secrets.token_hex(24) for name in SERVICES}
    own |= {name: secrets.token_hex(24) for name in ("POSTGRES_PASSWORD", "MINIO_PASSWORD")}
    values = own | outside | known
    keys = {f"SERVICE_PRIVATE_KEY.{name}": values[f"{name.upper()}_SERVICE_PRIVATE_KEY"] for name in SERVICES}
    _write(file, values | {"SERVICE_PUBLIC_KEYS": public_keys(keys)})


def _private_key(file: Path) -> str:
    return _read(file).get("SERVICE_PRIVATE_KEY") or new_service_key()


def _read(file: Path) -> dict[str, str]:
    if not file.exists():
        return {}
    return dict(line.split("=", 1) for line in file.read_text().splitlines() if line)


def _write(file: Path, values: dict[str, str]) -> None:
    partial = file.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as text:
        text.writelines(f"{name}={value}\n" for name, value in values.items())
    partial.replace(file)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("Usage: python -m scripts.cluster_secrets DIR|FILE.env")
    target = Path(sys.argv[1])
    (write_compose if target.suffix == ".env" or target.name == ".env" else write)(target)
