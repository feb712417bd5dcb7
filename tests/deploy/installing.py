"""The Dockerfile's steps without a network: our wheel in an empty environment, with what its metadata asks for.

The packages are linked from the environment of the tests, which has more: what a service needs and does not ask for
is missing here, as it would be in its image.
"""

import os
import re
import shutil
import subprocess
import sys
import tomllib
import venv
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from sandbox.stack import ROOT


def build_wheel(folder: Path) -> Path:
    """Does what the Dockerfile's stage `code` does, with what that stage copies, and returns the wheel."""
    source = folder / "src"
    stage = (ROOT / "Dockerfile").read_text().split(" AS code\n")[1].split("\nFROM ")[0]
    for line in re.findall(r"^COPY (.+)$", stage, re.M):
        *sources, target = line.split()
        for name in sources:
            # A folder's content goes into the target, a file into the folder or under the name that the target is.
            _copy(ROOT / name, source / target / name if target == "./" else source / target)
    environment = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    subprocess.run([sys.executable, "scripts/gen.py"], cwd=source, env=environment, check=True)
    _pip("wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(folder), str(source))
    (wheel,) = folder.glob("*.whl")
    return wheel


def _copy(path: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        # As .dockerignore has it.
        shutil.copytree(path, target, ignore=shutil.ignore_patterns("tests", "__pycache__", "*.pyc", ".env"))
    else:
        shutil.copy(path, target)


def packages_of(extra: str) -> set[str]:
    """The packages that an installation with this extra has, by their normalised names."""
    drape = [Requirement(line) for line in _project()["dependencies"]]
    return _closure([*drape, *(Requirement(line) for line in _project()["optional-dependencies"][extra])])


def _project() -> dict[str, Any]:
    return dict(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"])


def install(wheel: Path, extra: str, folder: Path) -> Path:
    """Makes an environment with the wheel and one extra of it, and returns its Python."""
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    _pip("--python", str(python), "install", "--no-deps", "--no-index", str(wheel))
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = folder / "lib" / version / "site-packages"
    for name in _closure(_asked_for(wheel, packages, extra)):
        _link(metadata.distribution(name), packages)
    return python


def _asked_for(wheel: Path, packages: Path, extra: str) -> list[Requirement]:
    name = wheel.name.split("-")[0]
    (installed,) = metadata.distributions(name=name, path=[str(packages)])
    return _wanted(installed, {extra})


def _wanted(distribution: metadata.Distribution, extras: set[str]) -> list[Requirement]:
    found = [Requirement(line) for line in distribution.requires or ()]
    return [
        requirement
        for requirement in found
        if requirement.marker is None or any(requirement.marker.evaluate({"extra": extra}) for extra in (*extras, ""))
    ]


def _closure(requirements: list[Requirement]) -> set[str]:
    seen: set[tuple[str, frozenset[str]]] = set()
    waiting = list(requirements)
    while waiting:
        requirement = waiting.pop()
        key = (canonicalize_name(requirement.name), frozenset(requirement.extras))
        if key not in seen:
            seen.add(key)
            waiting += _wanted(metadata.distribution(requirement.name), set(requirement.extras))
    return {name for name, _ in seen}


def _link(distribution: metadata.Distribution, packages: Path) -> None:
    """Links a package as a whole, or each file by itself where others share the folder, as `google`."""
    for file in distribution.files or ():
        if ".." in file.parts or file.suffix == ".pyc":
            continue
        owned = len(set(_owners().get(file.parts[0], ()))) <= 1
        name = file.parts[0] if owned else file
        target = packages / name
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(Path(str(distribution.locate_file(name))).absolute())


@cache
def _owners() -> Mapping[str, list[str]]:
    return metadata.packages_distributions()


def _pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
