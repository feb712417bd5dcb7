"""Starts Envoy, from the package or from the PATH, with the configuration that the environment asks for."""

import os
import shutil
import sys
from pathlib import Path

from gateway.render import render


def main() -> None:
    """Becomes Envoy. Ends with one sentence when there is none."""
    beside_python = Path(sys.executable).with_name("envoy")
    envoy = str(beside_python) if beside_python.exists() else shutil.which("envoy")
    if envoy is None:
        sys.exit("Cannot start the gateway: there is no `envoy` beside this Python nor on the PATH.")
    concurrency = os.environ.get("GATEWAY_THREADS", str(os.cpu_count() or 1))
    arguments = ["--disable-hot-restart", "--concurrency", concurrency, "--log-level", "warning"]
    os.execv(envoy, [envoy, *arguments, "--config-yaml", render(os.environ)])  # noqa: S606 - a fixed program


if __name__ == "__main__":
    main()
