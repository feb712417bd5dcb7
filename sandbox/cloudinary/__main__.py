"""`python -m sandbox.cloudinary`: serve the sandbox."""

from __future__ import annotations

import argparse
import sys

import uvicorn

from .app import create_app
from .config import PREFIX, Config, environment_defaults


def main(arguments: list[str] | None = None) -> int:
    """Serve until interrupted; the exit status is 2 when the settings make no sense."""
    try:
        config = _config(arguments)
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"CLOUDINARY_URL={config.cloudinary_url}\n")
    sys.stdout.flush()
    uvicorn.run(create_app(config), host=config.host, port=config.port, log_level="warning")
    return 0


def _config(arguments: list[str] | None) -> Config:
    given = _parser().parse_args(arguments)
    return Config(
        host=given.host,
        port=int(given.port),
        public_url=given.public_url,
        cloud_name=given.cloud_name,
        api_key=given.api_key,
        api_secret=given.api_secret,
        max_file_bytes=int(given.max_file_bytes),
        allow_remote=given.allow_remote,
    )


def _parser() -> argparse.ArgumentParser:
    env = environment_defaults()
    defaults = Config()
    parser = argparse.ArgumentParser(
        prog="python -m sandbox.cloudinary",
        description="A stand-in for Cloudinary.",
        epilog=f"Each option can also be set as {PREFIX}<OPTION>, e.g. {PREFIX}PORT.",
    )

    def option(name: str, text: str) -> None:
        field = name.replace("-", "_")
        parser.add_argument(f"--{name}", default=env.get(field, getattr(defaults, field)), help=text)

    option("host", "address to listen on")
    option("port", "port to listen on")
    option("public-url", "base of the delivery URLs")
    option("cloud-name", "the one cloud there is")
    option("api-key", "its key")
    option("api-secret", "its secret")
    option("max-file-bytes", "largest file accepted")
    parser.add_argument(
        "--allow-remote",
        action="store_true",
        default=env.get("allow_remote", "") in ("1", "true", "yes"),
        help="accept a host that is not loopback",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
