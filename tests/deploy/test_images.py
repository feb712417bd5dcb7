"""The images: their file reads well, and what its steps install is enough to run, and writes nowhere."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2 as pb
from packaging.utils import canonicalize_name

from gateway.render import DEFAULTS
from sandbox import secrets
from sandbox.stack import ROOT, free_ports
from services.kit import embedded
from tests.deploy.confinement import confined, why_not
from tests.deploy.installing import build_wheel, install, packages_of
from tests.e2e.polling import until

DOCKERFILE = (ROOT / "Dockerfile").read_text()
SERVICES = ("auth", "media", "tryon", "billing")
_SOCKET = ".s.PGSQL.5432"


def test_the_dockerfile_is_clean() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([hadolint, ROOT / "Dockerfile"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def _stages() -> dict[str, str]:
    parts = re.split(r"^FROM ", DOCKERFILE, flags=re.M)[1:]
    return {part.splitlines()[0].split(" AS ")[1]: part for part in parts}


def test_base_images_have_versions() -> None:
    outside = {base for stage in _stages().values() if (base := stage.split()[0]) not in (*_stages(), "${SERVICE}")}
    assert outside
    assert all(re.search(r":v?\d+\.\d+\.\d+", base) for base in outside), outside


@pytest.mark.parametrize("stage", ["service", "gateway", "sandbox"])
def test_what_runs_is_a_numbered_user_and_no_root(stage: str) -> None:
    assert re.search(r"^USER ([1-9]\d+):\1$", _stages()[stage], re.M)


def test_everything_that_is_copied_exists_and_is_let_into_the_build() -> None:
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.M):
        for source in line.split()[:-1]:
            assert (ROOT / source).exists(), source
            assert source.split("/")[0] in let_in, source


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_listens_where_the_gateway_looks_for_it(service: str) -> None:
    assert f"LISTEN=0.0.0.0:{DEFAULTS[f'{service.upper()}_PORT']}" in _stages()[service]
    assert f"EXPOSE {DEFAULTS[f'{service.upper()}_PORT']}" in _stages()[service]


def test_no_secret_is_in_an_image() -> None:
    assert not re.search(r"SECRET|PRIVATE|PASSWORD|PEPPER", DOCKERFILE)


@pytest.mark.parametrize("extra", [*SERVICES, "local"])
def test_the_lock_file_has_every_package_that_an_image_is_made_of(extra: str) -> None:
    locked = {
        canonicalize_name(name) for name in re.findall(r"^([\w.-]+)==", (ROOT / "requirements.lock").read_text(), re.M)
    }
    assert len(packages_of(extra)) > 20
    assert packages_of(extra) <= locked


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the stage `code` has been done: src, and the wheel."""
    folder = tmp_path_factory.mktemp("code")
    build_wheel(folder)
    return folder


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory, built: Path) -> Callable[[str], Path]:
    """Gives the Python of a service's image."""
    (wheel,) = built.glob("*.whl")
    folder = tmp_path_factory.mktemp("images")
    return cache(lambda service: install(wheel, service, folder / service))


@pytest.fixture(scope="module")
def secret_values(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A secret of each kind."""
    return secrets.load(tmp_path_factory.mktemp("secrets") / "secrets.json")


def _environment(service: str, url: str, values: dict[str, str], home: Path) -> dict[str, str]:
    """As the image and a manifest give it, and nothing of ours beside."""
    ports = free_ports()
    return {name: values[name] for name in secrets.OWN[service]} | {
        "HOME": str(home),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        "LISTEN": f"127.0.0.1:{ports['auth']}",
        "HEALTH_LISTEN": f"127.0.0.1:{ports['media']}",
        "DATABASE_URL": url,
        "DATA_DIR": str(home / "data"),
        "MODEL_DIR": str(ROOT / ".cache" / "models"),
        "SERVICE_PRIVATE_KEY": values[f"SERVICE_PRIVATE_KEY.{service}"],
        "SERVICE_PUBLIC_KEYS": secrets.public_keys(values),
    }


def _status(environment: dict[str, str], service: str = "") -> str:
    with grpc.insecure_channel(environment["HEALTH_LISTEN"]) as channel:
        check = channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=pb.HealthCheckRequest.SerializeToString,
            response_deserializer=pb.HealthCheckResponse.FromString,
        )
        try:
            answer = check(pb.HealthCheckRequest(service=service), timeout=5)
        except grpc.RpcError as error:
            return str(error.code().name)
        return str(pb.HealthCheckResponse.ServingStatus.Name(answer.status))


@contextmanager
def started(
    command: Sequence[str | Path], environment: dict[str, str], home: Path
) -> Iterator["subprocess.Popen[bytes]"]:
    """A process of an image."""
    process = subprocess.Popen(command, env=environment, cwd=home)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _as_in_a_container(
    python: Path, module: str, environment: dict[str, str], home: Path
) -> tuple[list[str], dict[str, str]]:
    """The command and variables of a process that is confined; of one as it is, where that cannot be."""
    if why_not(python):
        return [str(python), "-m", module], environment
    address, _, socket = environment["DATABASE_URL"].partition("?host=")
    data = Path(environment["DATA_DIR"])
    data.mkdir(exist_ok=True)
    # The socket itself: its folder is shut to all but the server's user.
    bound = {"app": python.parent.parent, "home": home, "data": data, f"socket/{_SOCKET}": Path(socket) / _SOCKET}
    changed = {"DATABASE_URL": f"{address}?host=/mnt/socket", "DATA_DIR": "/mnt/data", "PATH": os.environ["PATH"]}
    return confined(bound, "/mnt/app/bin/python", "-m", module), environment | changed


def test_processes_are_confined_as_in_a_container(installed: Callable[[str], Path]) -> None:
    """Where they cannot be, the tests below run them as they are, and only look what was written."""
    if why := why_not(installed("auth")):
        pytest.skip(why)


def wait_until_ready(process: "subprocess.Popen[bytes]", environment: dict[str, str]) -> None:
    """Returns once it says that it can work. Fails when it ends before."""
    until("ready", lambda: _status(environment) == "SERVING" or process.poll() is not None, seconds=60)
    assert process.poll() is None, "it has stopped"


def _files(folder: Path) -> set[tuple[str, float]]:
    return {(str(path), path.lstat().st_mtime) for path in folder.rglob("*")}


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_runs_from_what_its_image_has_and_writes_nowhere(
    installed: Callable[[str], Path],
    service: str,
    secret_values: dict[str, str],
    tmp_path: Path,
    database_url: Callable[[str], str],
) -> None:
    python = installed(service)
    app = python.parent.parent
    home = tmp_path / "home"
    home.mkdir()
    url = database_url(f"image_{service}")
    environment = _environment(service, url, secret_values, home)
    before = _files(app) | _files(home)
    # Two that share a database start, and migrate it, at once; one of them as a container would have it.
    other = "services.tryon.worker" if service == "tryon" else f"services.{service}"
    with ExitStack() as stack:
        environments = [environment, _environment(service, url, secret_values, home)]
        confined_one, its_own = _as_in_a_container(python, other, environments[1], home)
        processes = [
            stack.enter_context(started([python, "-m", f"services.{service}"], environment, home)),
            stack.enter_context(started(confined_one, its_own, home)),
        ]
        for process, own in zip(processes, environments, strict=True):
            wait_until_ready(process, own)
        for process in processes:
            process.terminate()
        assert [process.wait(60) for process in processes] == [0, 0]
    # Only the folder that media keeps pictures in where it has no object storage.
    assert {path for path, _ in (_files(app) | _files(home)) - before} <= {str(home / "data"), str(home / "data/blobs")}


@pytest.mark.parametrize("service", SERVICES)
def test_two_jobs_may_migrate_at_once_with_nothing_but_the_databases_address(
    installed: Callable[[str], Path], service: str, tmp_path: Path, database_url: Callable[[str], str]
) -> None:
    python, module = installed(service), f"services.{service}"
    environment = {"DATABASE_URL": database_url(f"job_{service}"), "PYTHONDONTWRITEBYTECODE": "1"}
    commands = ("wait-for-schema", "migrate", "migrate")
    with ExitStack() as stack:
        processes = [
            stack.enter_context(started([python, "-m", module, command], environment, tmp_path)) for command in commands
        ]
        assert [process.wait(120) for process in processes] == [0, 0, 0]


def test_while_its_database_is_away_a_service_is_alive_but_not_ready(
    installed: Callable[[str], Path], secret_values: dict[str, str], tmp_path: Path, data_dir: Path
) -> None:
    python = installed("media")
    environment = _environment("media", embedded.service_url(data_dir, "media"), secret_values, tmp_path)
    try:
        # Nobody answers as auth all the while: that is no reason to be restarted or left out.
        with started([python, "-m", "services.media"], environment, tmp_path) as process:
            wait_until_ready(process, environment)
            assert _status(environment, "liveness") == "SERVING"
            embedded.stop(data_dir)
            until("not ready", lambda: _status(environment) == "NOT_SERVING", seconds=30)
            assert _status(environment, "liveness") == "SERVING"
            embedded.start(data_dir)
            until("ready again", lambda: _status(environment) == "SERVING", seconds=30)
    finally:
        embedded.stop(data_dir)


def test_a_service_that_lacks_a_secret_says_which_in_one_sentence(
    installed: Callable[[str], Path], tmp_path: Path
) -> None:
    python = installed("billing")
    environment = {"SERVICE_PUBLIC_KEYS": json.dumps({}), "PATH": os.environ["PATH"]}
    done = subprocess.run(
        [python, "-m", "services.billing"], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "SERVICE_PRIVATE_KEY" in done.stderr
    assert "STRIPE_SECRET_KEY" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_gateways_image_needs_nothing_but_python_and_envoy(
    tmp_path: Path, built: Path, installed: Callable[[str], Path]
) -> None:
    app = tmp_path / "app"  # which others may look into, unlike tmp_path
    shutil.copytree(ROOT / "gateway", app / "gateway", ignore=shutil.ignore_patterns("tests", "__pycache__"))
    (app / "gen").mkdir()
    for made in re.findall(r"/src/(gen/\S+)", _stages()["gateway"]):
        copy = shutil.copytree if (built / "src" / made).is_dir() else shutil.copy
        copy(built / "src" / made, app / made)
    ports = free_ports()
    environment = {"LISTEN_HOST": "127.0.0.1", "LISTEN_PORT": str(ports["gateway"]), "ADMIN_PORT": str(ports["admin"])}
    environment |= {"OPERATIONS_PORT": str(ports["auth"]), "JWKS_SOCKET": f"drape-{ports['gateway']}"}
    (asked,) = re.findall(r"urlopen\(([^)]+)\)", _stages()["gateway"])
    check = f"import urllib.request as u; u.urlopen({asked.replace('9902', str(ports['auth']))})"
    # -S: without any package that is not Python's own.
    command = [sys.executable, "-S", "-m", "gateway"]
    if not why_not(installed("auth")):
        command = confined({"home": app}, *command)
    gateway = subprocess.Popen(command, cwd=app, env=environment | {"PATH": os.environ["PATH"]})
    try:
        command = [sys.executable, "-S", "-c", check]

        def answers() -> bool:
            done = subprocess.run(command, capture_output=True, check=False)
            return done.returncode == 0 or gateway.poll() is not None

        until("the gateway's health check", answers, seconds=60)
        assert gateway.poll() is None, "it has stopped"
    finally:
        gateway.kill()
        gateway.wait()
