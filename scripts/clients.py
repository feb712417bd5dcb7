"""Makes `clients/` from `gen/openapi.json`, with the generators that pyproject.toml and package.json name."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONTRACT = ROOT / "gen" / "openapi.json"
CLIENTS = ROOT / "clients"
# Of which contract they are: so a test sees that they are not of today's without making them.
MARK = CLIENTS / "contract.sha256"


def fingerprint() -> str:
    """A digest of the contract."""
    return hashlib.sha256(CONTRACT.read_bytes()).hexdigest()


def make_python(folder: Path) -> None:
    """Writes the package drape-client into the folder."""
    generator = str(Path(sys.executable).with_name("openapi-python-client"))
    options = ["--path", str(CONTRACT), "--output-path", str(folder), "--config", str(CLIENTS / "python.yaml")]
    _run([generator, "generate", "--meta", "uv", "--overwrite", "--fail-on-warning", *options], ROOT)
    shutil.rmtree(folder / ".ruff_cache", ignore_errors=True)


def make_typescript() -> None:
    """Writes the types; installs the generator first, exactly as the lock file names it."""
    if not shutil.which("npm"):
        sys.exit("The TypeScript client needs Node 20 and npm, and there is no npm here.")
    _run(["npm", "ci", "--silent"], CLIENTS / "typescript")
    _run(["npm", "run", "--silent", "generate"], CLIENTS / "typescript")


def _run(command: list[str], folder: Path) -> None:
    # The Python generator formats with the ruff beside this Python.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    if subprocess.run(command, cwd=folder, env={**os.environ, "PATH": path}).returncode:
        sys.exit(f"{command[0]} failed; the lines above say why.")


def main() -> None:
    """Makes both."""
    make_python(CLIENTS / "python")
    make_typescript()
    MARK.write_text(fingerprint() + "\n")


if __name__ == "__main__":
    main()
