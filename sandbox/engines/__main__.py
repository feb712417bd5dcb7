"""`python -m sandbox.engines`: serve the sandbox."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from ..command import Option, Serving, parse, serve
from .app import create_app
from .config import PREFIX, WEBHOOK_SECRET, Config

_OPTIONS: tuple[Option, ...] = (
    ("host", "127.0.0.1", "address to listen on"),
    ("port", "4243", "port to listen on"),
    ("public-url", None, "base of the addresses it gives out"),
    ("api-key", "sandbox", "the key that is accepted"),
    ("webhook-secret", WEBHOOK_SECRET, "what Replicate's webhooks are signed with"),
    ("painter", "local", "local (real pictures, by Drape's own engine) or instant"),
    ("model-dir", ".cache/models", "where that engine's models are"),
)


def main(arguments: list[str] | None = None) -> int:
    """Serve until interrupted; the exit status is 2 when the settings make no sense."""
    return serve(lambda: _serving(arguments))


def _serving(arguments: list[str] | None) -> Serving:
    given = parse("engines", "A stand-in for FASHN, fal, Replicate and Vertex AI.", PREFIX, _OPTIONS, arguments)
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
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    return create_app(config), config.host, config.port


if __name__ == "__main__":
    sys.exit(main())
