"""The rules that keep the code in its places: who may import what, checked over the source."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SERVICES = ("auth", "media", "tryon", "billing")
# Envoy's ext_authz asks auth for renewals: a second servicer, of a protocol that is not ours.
SERVICERS = {"servicer.py", "renewal.py"}
WITHOUT_SQL = {
    *SERVICERS,
    "__main__.py",
    "worker.py",
    "peers.py",
    "settings.py",
    "errors.py",
    # adapters of the outside world, and plain rules
    "blobs.py",
    "catalog.py",
    "disguises.py",
    "downloads.py",
    "cloudinary_blobs.py",
    "cookies.py",
    "forms.py",
    "links.py",
    "passwords.py",
    "payments.py",
    "picture_pool.py",
    "picture_worker.py",
    "pictures.py",
    "s3_blobs.py",
    "stores.py",
}
ADAPTERS = {
    "stripe": "services/billing/payments.py",
    "cloudinary": "services/media/cloudinary_blobs.py",
    "boto3": "services/media/s3_blobs.py",
}
DOMAIN_WORDS = {"credit", "garment", "plan", "hold", "image", "tryon"}


def _sources(folder: str, *, tests: bool = False) -> list[Path]:
    files = sorted((ROOT / folder).rglob("*.py"))
    return [file for file in files if tests or "tests" not in file.relative_to(ROOT).parts]


@cache
def _tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(), str(file))


@cache
def _imports(file: Path) -> set[str]:
    """Everything that a file imports, as `package.module.name`."""
    found: set[str] = set()
    for node in ast.walk(_tree(file)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            package = file.relative_to(ROOT).parts[: -node.level] if node.level else ()
            found |= {".".join((*package, *filter(None, (node.module, alias.name)))) for alias in node.names}
    return found


def _importers(files: list[Path], *packages: str) -> set[str]:
    """The files that import one of the packages, by their path in the repository."""

    def imports_one(file: Path) -> bool:
        return any(name.split(".")[: len(package)] == package for name in _imports(file) for package in wanted)

    wanted = [package.split(".") for package in packages]
    return {str(file.relative_to(ROOT)) for file in files if imports_one(file)}


def _names(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name) | ast.alias(name=name):
                yield name
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.keyword(arg=str(name)):
                yield name


def _texts(tree: ast.Module) -> Iterator[str]:
    """The strings of a module, but not what documents it."""
    documentation = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation:
            yield node.value


def _words(text: str) -> set[str]:
    """Words of a name or a text, in the singular: `HoldCredits` and `hold_credits` are hold and credit."""
    text = re.sub(r"[Tt]ry[-_ ]?[Oo]n", "tryon", text)
    parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", text)
    return {part.lower().removesuffix("s") for part in parts}


def test_the_rules_look_at_all_services() -> None:
    for service in (*SERVICES, "kit"):
        assert len(_sources(f"services/{service}")) > 5


@pytest.mark.parametrize("service", SERVICES)
def test_the_grpc_context_stops_at_the_servicer(service: str) -> None:
    files = [file for file in _sources(f"services/{service}") if file.name not in SERVICERS]
    named = {file.name for file in files if {"Context", "ServicerContext", "context"} & set(_names(_tree(file)))}
    assert not named


def test_sql_stops_at_the_use_cases() -> None:
    files = [
        file
        for service in SERVICES
        for file in _sources(f"services/{service}")
        if file.name in WITHOUT_SQL or "engines" in file.parts
    ]
    assert not _importers(files, "sqlalchemy", "sqlmodel", "asyncpg")


def test_every_file_that_must_be_without_sql_is_there() -> None:
    names = {file.name for service in SERVICES for file in _sources(f"services/{service}")}
    assert names >= WITHOUT_SQL


@pytest.mark.parametrize("sdk", ADAPTERS)
def test_a_vendors_sdk_stops_at_its_one_adapter(sdk: str) -> None:
    assert _importers(_sources("services"), sdk) == {ADAPTERS[sdk]}


def test_the_kit_imports_no_service() -> None:
    assert not _importers(_sources("services/kit"), *(f"services.{service}" for service in SERVICES))


def test_the_kit_holds_no_word_of_the_domain() -> None:
    said = {
        (file.name, text)
        for file in _sources("services/kit")
        for text in (*_names(_tree(file)), *_texts(_tree(file)))
        if _words(text) & DOMAIN_WORDS
    }
    assert not said


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_imports_no_other_services_code(service: str) -> None:
    others = [f"services.{other}" for other in SERVICES if other != service]
    assert not _importers(_sources(f"services/{service}", tests=True), *others)


def test_what_runs_in_production_imports_no_stand_in_and_no_test() -> None:
    files = _sources("services")
    assert not _importers(files, "sandbox", "tests")
    assert not [file for file in files if any(".tests." in f"{name}." for name in _imports(file))]
