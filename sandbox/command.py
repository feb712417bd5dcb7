"""What the stand-ins' commands have in common: options from the command line or the environment, on loopback."""

from __future__ import annotations

import argparse
import ipaddress
import os
import sys
from collections.abc import Callable, Iterable, Mapping

import uvicorn
from starlette.applications import Starlette

Option = tuple[str, object, str]
"""Its name, its default and what it is."""
Serving = tuple[Starlette, str, int]
"""An application, and the host and port it is to be served at."""


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches the host."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def from_environment(prefix: str, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The variables with that prefix, by the lower-case rest of their names."""
    return {
        name.removeprefix(prefix).lower(): value for name, value in environ.items() if name.startswith(prefix) and value
    }


def parse(
    name: str, description: str, prefix: str, options: Iterable[Option], arguments: list[str] | None
) -> argparse.Namespace:
    """The options as text, each from the command line, else from `<prefix><OPTION>`, else its default."""
    env = from_environment(prefix)
    parser = argparse.ArgumentParser(
        prog=f"python -m sandbox.{name}",
        description=description,
        epilog=f"Each option can also be set as {prefix}<OPTION>, e.g. {prefix}PORT.",
    )
    for option, default, text in options:
        parser.add_argument(f"--{option}", default=env.get(option.replace("-", "_"), default), help=text)
    parser.add_argument(
        "--allow-remote",
        action="store_true",
        default=env.get("allow_remote", "") in ("1", "true", "yes"),
        help="accept addresses that are not loopback",
    )
    return parser.parse_args(arguments)


def serve(make: Callable[[], Serving]) -> int:
    """Serves until interrupted; the exit status is 2 when the settings make no sense."""
    try:
        app, host, port = make()
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    uvicorn.run(app, host=host, port=port, log_level="warning")
    return 0
