"""Makes this checkout ready to run: .venv from the lock file, the engine's models, the generated code.

Uses the standard library only. Does nothing that is done already, and does again what was interrupted.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
LOCK = ROOT / "requirements.lock"
OLDEST = (3, 11)


def main() -> None:
    """Sets up, or ends with one sentence that says what is missing."""
    if sys.version_info < OLDEST:
        sys.exit(
            f"Drape needs Python 3.11 or newer, and this is {sys.version.split()[0]}. "
            "Name another one: make PYTHON=python3.12 run"
        )
    install()
    run("Fetching the try-on engine's models failed.", "scripts/fetch_models.py", str(ROOT / ".cache" / "models"))
    generate()


def install() -> None:
    """Installs exactly what the lock file names, into a fresh .venv when the old one is unfit."""
    wanted = fingerprint([LOCK], sys.version)
    mark = VENV / "installed"
    if works() and mark.exists() and mark.read_text() == wanted:
        return
    say("Installing the packages (about a minute the first time) …")
    if not works():
        shutil.rmtree(VENV, ignore_errors=True)
        try:
            venv.create(VENV, with_pip=True)
        except (subprocess.CalledProcessError, OSError):
            shutil.rmtree(VENV, ignore_errors=True)
            sys.exit("Cannot make .venv: this Python has no ensurepip. On Debian or Ubuntu: apt install python3-venv")
    mark.unlink(missing_ok=True)
    pip = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r", str(LOCK))
    run("Installing the packages failed; the lines above say why.", *pip)
    mark.write_text(wanted)


def generate() -> None:
    """Generates the code from the protos when they, or their generator, or what the contract tells have changed."""
    inputs = [*sorted((ROOT / "protos").rglob("*.proto")), ROOT / "scripts" / "gen.py", LOCK, *contract_inputs()]
    wanted = fingerprint(inputs)
    mark = ROOT / "gen" / "inputs"
    if mark.exists() and mark.read_text() == wanted:
        return
    say("Generating code from the protos …")
    run("Generating the code failed; the lines above say why.", "scripts/gen.py")
    mark.write_text(wanted)


def contract_inputs() -> list[Path]:
    """What the description of the contract is made from beside the protos: its generator, errors, their sentences."""
    folders = [ROOT / "gateway" / "contract", ROOT / "gateway" / "web", ROOT / "services"]
    files = (
        file
        for folder in folders
        for file in folder.rglob("*")
        if file.suffix in (".py", ".html", ".css", ".md", ".svg")
    )
    ours = (file for file in files if "tests" not in file.parts)
    return sorted([*ours, ROOT / "gateway" / "envoy.yaml", ROOT / "pyproject.toml"])


def works() -> bool:
    """Whether .venv has the interpreter that runs this."""
    if not PYTHON.exists():
        return False
    asked = subprocess.run([PYTHON, "-c", "import sys, pip; print(sys.version)"], capture_output=True, text=True)
    return asked.returncode == 0 and asked.stdout.strip() == sys.version


def fingerprint(files: list[Path], *more: str) -> str:
    """A digest of the files' names and contents, and of anything else that matters."""
    digest = hashlib.sha256("\0".join(more).encode())
    for file in files:
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def run(failure: str, *arguments: str) -> None:
    """Runs .venv's Python; ends with the sentence when it fails."""
    # protoc looks its plugins up on the PATH.
    environment = {**os.environ, "PATH": f"{VENV / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"}
    if subprocess.run([PYTHON, *arguments], cwd=ROOT, env=environment).returncode:
        sys.exit(failure)


def say(text: str) -> None:
    """Tells what takes a while."""
    print(text, flush=True)


if __name__ == "__main__":
    main()
