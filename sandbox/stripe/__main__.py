"""`python -m sandbox.stripe`: serve the sandbox."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

import uvicorn

from .app import create_app
from .config import Config, environment_defaults


def main(arguments: list[str] | None = None) -> int:
    """Serve until interrupted; the exit status is 2 when the settings make no sense."""
    try:
        config = _config(arguments)
        app = create_app(config)
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    uvicorn.run(app, host=config.host, port=config.port, log_level="warning")
    return 0


def _config(arguments: list[str] | None) -> Config:
    given = _parser().parse_args(arguments)
    return Config(
        host=given.host,
        port=int(given.port),
        public_url=given.public_url,
        secret_key=given.secret_key,
        webhook_url=given.webhook_url,
        webhook_secret=given.webhook_secret,
        webhook_events=tuple(given.webhook_events.split(",")),
        state=Path(given.state) if given.state else None,
        retry_base_ms=int(given.retry_base_ms),
        allow_remote=given.allow_remote,
    )


def _parser() -> argparse.ArgumentParser:
    env = environment_defaults()
    parser = argparse.ArgumentParser(
        prog="python -m sandbox.stripe",
        description="A stand-in for Stripe.",
        epilog="Each option can also be set as STRIPE_SANDBOX_<OPTION>, e.g. STRIPE_SANDBOX_WEBHOOK_URL.",
    )

    def option(name: str, default: str | None, text: str) -> None:
        parser.add_argument(f"--{name}", default=env.get(name.replace("-", "_"), default), help=text)

    option("host", "127.0.0.1", "address to listen on")
    option("port", "4242", "port to listen on")
    option("public-url", None, "base of the hosted pages' addresses")
    option("secret-key", None, "the only key accepted (any sk_test_ key otherwise)")
    option("webhook-url", None, "where events are delivered (nowhere otherwise)")
    option("webhook-secret", "whsec_sandbox", "signing secret of the deliveries")
    option("webhook-events", "*", "comma-separated types to deliver")
    option("state", None, "JSON file that keeps the state over a restart")
    option("retry-base-ms", "1000", "pause after the first failed delivery")
    parser.add_argument(
        "--allow-remote",
        action="store_true",
        default=env.get("allow_remote", "") in ("1", "true", "yes"),
        help="accept addresses that are not loopback",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
