"""`python -m sandbox.cloudinary`: serve the sandbox."""

from __future__ import annotations

import sys

from ..command import Option, Serving, parse, serve
from .app import create_app
from .config import PREFIX, Config

_TEXTS = {
    "host": "address to listen on",
    "port": "port to listen on",
    "public-url": "base of the delivery URLs",
    "cloud-name": "the one cloud there is",
    "api-key": "its key",
    "api-secret": "its secret",
    "max-file-bytes": "largest file accepted",
}


def main(arguments: list[str] | None = None) -> int:
    """Serve until interrupted; the exit status is 2 when the settings make no sense."""
    return serve(lambda: _serving(arguments))


def _serving(arguments: list[str] | None) -> Serving:
    defaults = Config()
    options: list[Option] = [(name, getattr(defaults, name.replace("-", "_")), text) for name, text in _TEXTS.items()]
    given = parse("cloudinary", "A stand-in for Cloudinary.", PREFIX, options, arguments)
    config = Config(
        host=given.host,
        port=int(given.port),
        public_url=given.public_url,
        cloud_name=given.cloud_name,
        api_key=given.api_key,
        api_secret=given.api_secret,
        max_file_bytes=int(given.max_file_bytes),
        allow_remote=given.allow_remote,
    )
    sys.stdout.write(f"CLOUDINARY_URL={config.cloudinary_url}\n")
    sys.stdout.flush()
    return create_app(config), config.host, config.port


if __name__ == "__main__":
    sys.exit(main())
