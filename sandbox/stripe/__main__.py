"""`python -m sandbox.stripe`: serve the sandbox."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from ..command import Option, Serving, parse, serve
from .app import create_app
from .config import PREFIX, Config

_OPTIONS: tuple[Option, ...] = (
    ("host", "127.0.0.1", "address to listen on"),
    ("port", "4242", "port to listen on"),
    ("public-url", None, "base of the hosted pages' addresses"),
    ("secret-key", None, "the only key accepted (any sk_test_ key otherwise)"),
    ("webhook-url", None, "where events are delivered (nowhere otherwise)"),
    ("webhook-secret", "whsec_sandbox", "signing secret of the deliveries"),
    ("webhook-events", "*", "comma-separated types to deliver"),
    ("state", None, "JSON file that keeps the state over a restart"),
    ("retry-base-ms", "1000", "pause after the first failed delivery"),
)


def main(arguments: list[str] | None = None) -> int:
    """Serve until interrupted; the exit status is 2 when the settings make no sense."""
    return serve(lambda: _serving(arguments))


def _serving(arguments: list[str] | None) -> Serving:
    given = parse("stripe", "A stand-in for Stripe.", PREFIX, _OPTIONS, arguments)
    config = Config(
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
    app = create_app(config)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    return app, config.host, config.port


if __name__ == "__main__":
    sys.exit(main())
