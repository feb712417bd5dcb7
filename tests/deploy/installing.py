"""The Dockerfile's steps without a network: our wheel in an empty environment, with what its metadata asks for.

The packages are linked from the environment of the tests, which has more: what a service needs and does not ask for
is missing here, as it would be in its image.
"""

import shutil
import subprocess
import sys
import venv
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from sandbox.stack import ROOT


def build_wheel(folder: Path) -> Path:
    """Builds our wheel from a copy of what the image's build has."""
    source = folder / "source"
    source.mkdir()
    for name in ("pyproject.toml", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for name in ("services", "gen"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    _pip("wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(folder), str(source))
    (wheel,) = folder.glob("*.whl")
    return wheel


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
