"""`python -m sandbox.engines`: serve the sandbox."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

import uvicorn

from .app import create_app
from .config import WEBHOOK_SECRET, Config, environment_defaults


def main(arguments: list[str] | None = None) -> int:
    """Serve until interrupted; the exit status is 2 when the settings make no sense."""
    given = _parser().parse_args(arguments)
    try:
        config = Config(
            host=given.host,
            port=int(given.port),
            public_url=given.public_url,
            api_key=given.api_key,
            webhook_secret=given.webhook_secret,
            painter=given.painter,
            model_dir=Path(given.model_dir),
            allow_remote=given.allow_remote,
        )
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    uvicorn.run(create_app(config), host=config.host, port=config.port, log_level="warning")
    return 0


def _parser() -> argparse.ArgumentParser:
    env = environment_defaults()
    parser = argparse.ArgumentParser(
        prog="python -m sandbox.engines",
        description="A stand-in for FASHN, fal, Replicate and Vertex AI.",
        epilog="Each option can also be set as ENGINES_SANDBOX_<OPTION>, e.g. ENGINES_SANDBOX_PAINTER.",
    )

    def option(name: str, default: str | None, text: str) -> None:
        parser.add_argument(f"--{name}", default=env.get(name.replace("-", "_"), default), help=text)

    option("host", "127.0.0.1", "address to listen on")
    option("port", "4243", "port to listen on")
    option("public-url", None, "base of the addresses it gives out")
    option("api-key", "sandbox", "the key that is accepted")
    option("webhook-secret", WEBHOOK_SECRET, "what Replicate's webhooks are signed with")
    option("painter", "local", "local (real pictures, by Drape's own engine) or instant")
    option("model-dir", ".cache/models", "where that engine's models are")
    parser.add_argument(
        "--allow-remote",
        action="store_true",
        default=env.get("allow_remote", "") in ("1", "true", "yes"),
        help="accept an address that is not loopback",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
