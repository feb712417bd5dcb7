"""Starts Envoy, from the package or from the PATH, with the configuration that the environment asks for."""

import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from gateway import options
from gateway.render import render


def main() -> None:
    """Becomes Envoy. Ends with one sentence when there is none, or when the environment is wrong."""
    beside_python = Path(sys.executable).with_name("envoy")
    envoy = str(beside_python) if beside_python.exists() else shutil.which("envoy")
    if envoy is None:
        sys.exit("Cannot start the gateway: there is no `envoy` beside this Python nor on the PATH.")
    try:
        configuration = render(_with_tls(os.environ))
    except ValueError as error:
        sys.exit(f"Cannot start the gateway: {error}.")
    concurrency = os.environ.get("GATEWAY_THREADS", str(os.cpu_count() or 1))
    arguments = ["--disable-hot-restart", "--concurrency", concurrency, "--log-level", "warning"]
    os.execv(envoy, [envoy, *arguments, "--config-yaml", configuration])  # noqa: S606 - a fixed program


def _with_tls(environment: Mapping[str, str]) -> Mapping[str, str]:
    """The environment, with what Envoy has to read in a file where TLS is asked for. Raises ValueError."""
    if not options.wants_tls(environment):
        return environment
    folder = tempfile.mkdtemp(prefix="drape-gateway-")
    options.write_secrets(environment, Path(folder))
    return {**environment, "SDS_DIR": folder}


if __name__ == "__main__":
    main()
