"""The whole system on one machine: PostgreSQL, the services, the stand-ins and the gateway, as processes.

`make run` and the end-to-end tests start it the same way, from the Procfile.
"""

import contextlib
import json
import os
import random
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from sandbox import secrets
from sandbox.cloudinary import config as cloudinary
from services.kit import embedded

ROOT = Path(__file__).resolve().parent.parent
SERVICES = secrets.SERVICES
DEFAULT_PORTS = {
    "gateway": 8080,
    "admin": 9901,
    "auth": 50051,
    "media": 50052,
    "tryon": 50053,
    "billing": 50054,
    "worker": 50055,
    "stripe": 4242,
    "cloudinary": 4243,
    "mail": 8025,
    "smtp": 2525,
}
_STOP_SECONDS = 25
_STORE_VARIABLES = ("BLOB_STORE", "CLOUDINARY_URL", "CLOUDINARY_RENDITIONS", "S3_")


class StackError(Exception):
    """Why the stack cannot run, in a sentence for the person who started it."""


def free_ports(copies: int = 1) -> dict[str, int]:
    """Ports that nothing listens on, for a stack beside others, with so many copies of each service.

    Below those that systems give to outgoing connections (RFC 6335 has them from 49152, Linux from 32768): one of these
    may be taken between here and the moment when its process listens.
    """
    more = [f"{name}-{number}" for number in range(2, copies + 1) for name in (*SERVICES, "worker")]
    names = (*DEFAULT_PORTS, *more)
    candidates = (port for port in random.sample(range(20_000, 32_768), 1000) if _is_free(port))
    return dict(zip(names, candidates, strict=False))


def preferred_ports(gateway: int) -> dict[str, int]:
    """The usual ports, but others where those are taken: only the gateway's is one that a person knows."""
    free = free_ports()
    return {name: port if _is_free(port) else free[name] for name, port in DEFAULT_PORTS.items()} | {"gateway": gateway}


@dataclass
class Stack:
    """One running system. `extra` adds to, or replaces, variables of a process by its name in the Procfile.

    A port for `auth-2` means that there are two copies of auth; likewise for every service and the worker.
    """

    data_dir: Path
    ports: dict[str, int] = field(default_factory=lambda: dict(DEFAULT_PORTS))
    frontend_url: str = "http://localhost:3000"
    extra: dict[str, dict[str, str]] = field(default_factory=dict)
    processes: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Where browsers reach the gateway."""
        return f"http://localhost:{self.ports['gateway']}"

    def start(self, timeout_seconds: float = 60) -> None:
        """Starts everything and waits until it answers. Raises StackError, with nothing left running."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        stop_leftovers(self.data_dir)
        self._check_ports()
        try:
            embedded.start(self.data_dir)
            environments = self._environments()
            for kind, command in _procfile().items():
                for name in self._copies(kind):
                    self.launch(name, command, environments[name])
            self._wait_until_healthy(timeout_seconds)
        except BaseException:
            self.stop()
            raise

    def launch(self, name: str, command: list[str], environment: dict[str, str]) -> None:
        """Starts one process, its output in logs/{name}.log."""
        log = self.data_dir / "logs" / f"{name}.log"
        log.parent.mkdir(exist_ok=True)
        with log.open("ab") as output:
            self.processes[name] = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdout=output, stderr=output, start_new_session=True
            )
        self._write_pids()

    def restart(self, name: str) -> None:
        """Starts a process again that has ended."""
        self.launch(name, _procfile()[_kind(name)], self._environments()[name])

    def failed(self) -> str | None:
        """A sentence about a process that has ended by itself, if one has."""
        for name, process in self.processes.items():
            if (code := process.poll()) is not None:
                log = self.data_dir / "logs" / f"{name}.log"
                return f"{name} stopped with exit code {code}: {_last_line(log)} (all of it in {log})"
        return None

    def stop(self) -> None:
        """Stops what was started, the gateway first; kills what does not stop."""
        for process in reversed(self.processes.values()):
            if process.poll() is None:
                process.terminate()
        deadline = time.monotonic() + _STOP_SECONDS
        for process in self.processes.values():
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.processes.clear()
        self._pid_file.unlink(missing_ok=True)

    def environment(self, name: str) -> dict[str, str]:
        """The variables of a process, for a command that is to run beside it."""
        return self._environments()[name]

    def _copies(self, kind: str) -> list[str]:
        return [kind, *sorted(name for name in self.ports if _kind(name) == kind != name)]

    def _places(self, service: str) -> list[str]:
        return [f"127.0.0.1:{self.ports[name]}" for name in self._copies(service)]

    @property
    def _pid_file(self) -> Path:
        return self.data_dir / "pids.json"

    def _write_pids(self) -> None:
        started = {}
        for process in self.processes.values():
            with contextlib.suppress(psutil.NoSuchProcess):
                started[process.pid] = psutil.Process(process.pid).create_time()
        self._pid_file.write_text(json.dumps(started))

    def _check_ports(self) -> None:
        for name, port in self.ports.items():
            if not _is_free(port):
                raise StackError(
                    f"Port {port}, which {name} needs, is in use. Stop what uses it (`make stop`, if that is an "
                    f"earlier start of Drape), or choose another one: make run PORT={port + 1}"
                )

    def _environments(self) -> dict[str, dict[str, str]]:
        """The variables of each process. A service sees its own secrets and no other's."""
        values = secrets.load(self.data_dir / "secrets.json")
        base = {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
            "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'gen'}",
            "PYTHONUNBUFFERED": "1",
            "HOME": os.environ.get("HOME", "/"),
            "PUBLIC_URL": self.url,
            "FRONTEND_URL": self.frontend_url,
        }
        result = {
            service: base | self._service(service, values) | {name: values[name] for name in secrets.OWN[service]}
            for service in SERVICES
        }
        result["billing"]["STRIPE_API_BASE"] = f"http://127.0.0.1:{self.ports['stripe']}"
        result["media"] |= self._stores()
        result["cloudinary"] = base | {"CLOUDINARY_SANDBOX_PORT": str(self.ports["cloudinary"])}
        result["auth"]["SMTP_URL"] = os.environ.get("SMTP_URL", f"smtp://127.0.0.1:{self.ports['smtp']}")
        result["mail"] = base | {"SMTP_PORT": str(self.ports["smtp"]), "MAIL_PORT": str(self.ports["mail"])}
        result["tryon"] |= {name: os.environ[name] for name in _ENGINES_OF_BOTH if name in os.environ}
        result["worker"] = result["tryon"] | {"LISTEN": f"127.0.0.1:{self.ports['worker']}"} | _engines()
        result["stripe"] = base | self._stripe(values)
        result["gateway"] = base | self._gateway()
        for kind in (*SERVICES, "worker"):
            for copy in self._copies(kind)[1:]:
                result[copy] = result[kind] | {"LISTEN": f"127.0.0.1:{self.ports[copy]}"}
        return {name: variables | self.extra.get(_kind(name), {}) for name, variables in result.items()}

    def _service(self, name: str, values: dict[str, str]) -> dict[str, str]:
        addresses = {f"{peer.upper()}_ADDRESS": ",".join(self._places(peer)) for peer in SERVICES}
        return addresses | {
            "ENVIRONMENT": "local",
            "LISTEN": f"127.0.0.1:{self.ports[name]}",
            "DATA_DIR": str(self.data_dir),
            "DATABASE_URL": embedded.service_url(self.data_dir, name),
            "MODEL_DIR": str(ROOT / ".cache" / "models"),
            "SERVICE_PRIVATE_KEY": values[f"SERVICE_PRIVATE_KEY.{name}"],
            "SERVICE_PUBLIC_KEYS": secrets.public_keys(values),
        }

    def _stores(self) -> dict[str, str]:
        """Where pictures are kept: as whoever starts the stack says, else on the disk, beside a stand-in's cloud."""
        named = {name: value for name, value in os.environ.items() if name.startswith(_STORE_VARIABLES)}
        if named:
            return named
        cloud = cloudinary.Config(port=self.ports["cloudinary"])
        return {
            "BLOB_STORE": "disk",
            "CLOUDINARY_URL": cloud.cloudinary_url,
            "CLOUDINARY_UPLOAD_PREFIX": cloud.base_url,
        }

    def _stripe(self, values: dict[str, str]) -> dict[str, str]:
        return {
            "STRIPE_SANDBOX_PORT": str(self.ports["stripe"]),
            "STRIPE_SANDBOX_PUBLIC_URL": f"http://localhost:{self.ports['stripe']}",
            "STRIPE_SANDBOX_WEBHOOK_URL": f"http://127.0.0.1:{self.ports['gateway']}/api/billing/webhook",
            "STRIPE_SANDBOX_WEBHOOK_SECRET": values["STRIPE_WEBHOOK_SECRET"],
            "STRIPE_SANDBOX_SECRET_KEY": values["STRIPE_SECRET_KEY"],
            "STRIPE_SANDBOX_STATE": str(self.data_dir / "stripe.json"),
        }

    def _gateway(self) -> dict[str, str]:
        places = {f"{name.upper()}_HOST": ",".join(self._places(name)) for name in SERVICES}
        return places | {
            "LISTEN_HOST": "127.0.0.1",
            "LISTEN_PORT": str(self.ports["gateway"]),
            "ADMIN_PORT": str(self.ports["admin"]),
            "DESCRIPTORS": str(ROOT / "gen" / "drape.binpb"),
            "JWKS_SOCKET": f"drape-jwks-{self.ports['gateway']}",
            "RATE_LIMIT": os.environ.get("RATE_LIMIT", "on"),  # off for benchmarks
        }

    def _wait_until_healthy(self, timeout_seconds: float) -> None:
        deadline = time.monotonic() + timeout_seconds
        while time.monotonic() < deadline:
            if problem := self.failed():
                raise StackError(problem)
            if _answers(f"http://127.0.0.1:{self.ports['gateway']}/health") and self._tokens_are_checked():
                return
            time.sleep(0.1)
        raise StackError(f"Not healthy after {timeout_seconds:.0f} s. The logs are in {self.data_dir / 'logs'}.")

    def _tokens_are_checked(self) -> bool:
        """Whether the gateway has fetched the keys that it checks tokens against."""
        stats = f"http://127.0.0.1:{self.ports['admin']}/stats?filter=jwt_authn.jwks_fetch_success"
        with contextlib.suppress(OSError), urllib.request.urlopen(stats, timeout=2) as answer:
            counts = [int(line.rsplit(b" ", 1)[1]) for line in answer.read().splitlines()]
            return sum(counts) > 0
        return False


_ENGINES_OF_BOTH = ("ENGINES", "PROVIDER_WEBHOOK_URL", "REPLICATE_WEBHOOK_SECRET", "FAL_WEBHOOK_KEYS_URL")
"""What both halves of the try-on service are told of engines."""


def _engines() -> dict[str, str]:
    """What whoever starts the stack says about engines other than the local one: their order, keys and limits."""
    prefixes = ("FASHN_", "FAL_", "REPLICATE_", "VERTEX_", "GOOGLE_APPLICATION_CREDENTIALS")
    return {name: value for name, value in os.environ.items() if name == "ENGINES" or name.startswith(prefixes)}


def stop_leftovers(data_dir: Path) -> bool:
    """Kills the processes of an earlier start that was itself killed; tells whether there were any."""
    file = data_dir / "pids.json"
    found = False
    with contextlib.suppress(OSError, ValueError):
        for pid, started in json.loads(file.read_text()).items():
            with contextlib.suppress(psutil.NoSuchProcess):
                process = psutil.Process(int(pid))
                if abs(process.create_time() - started) < 1:
                    found = True
                    os.kill(process.pid, signal.SIGTERM)
                    _wait_or_kill(process)
        file.unlink(missing_ok=True)
    return found


def _kind(name: str) -> str:
    """What a copy is one of: `auth` for `auth-2`."""
    return name.partition("-")[0]


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _wait_or_kill(process: psutil.Process) -> None:
    try:
        process.wait(_STOP_SECONDS)
    except psutil.TimeoutExpired:
        process.kill()


def _procfile() -> dict[str, list[str]]:
    lines = (ROOT / "Procfile").read_text().splitlines()
    commands = dict(line.split(": ", 1) for line in lines if line)
    return {
        name: [sys.executable if word == "python" else word for word in shlex.split(command)]
        for name, command in commands.items()
    }


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - our own address
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _last_line(log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1][:500] if lines else "it said nothing"
