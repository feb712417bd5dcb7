"""Fills in gateway/envoy.yaml from the environment and prints it: `python -m gateway.render`."""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from string import Template

from gateway import options, pages, tracing

TEMPLATE = Path(__file__).parent / "envoy.yaml"

DEFAULTS = {
    "LISTEN_HOST": "0.0.0.0",  # noqa: S104 - a gateway is there to be reached
    "LISTEN_PORT": "8080",
    "ADMIN_PORT": "9901",
    "PUBLIC_URL": "http://localhost:8080",
    "FRONTEND_URL": "http://localhost:3000",
    "TOKEN_ISSUER": "drape",
    "DESCRIPTORS": "gen/drape.binpb",
    "JWKS_SOCKET": "drape-jwks",
    # How long the keys of access tokens are kept before they are fetched again.
    "JWKS_SECONDS": "60",
    # How many proxies in front of the gateway add to X-Forwarded-For.
    "TRUSTED_HOPS": "0",
    # A name with an address for each copy, or several with commas between them; any may have a :port of its own.
    "AUTH_HOST": "auth",
    "AUTH_PORT": "50051",
    "MEDIA_HOST": "media",
    "MEDIA_PORT": "50052",
    "TRYON_HOST": "tryon",
    "TRYON_PORT": "50053",
    "BILLING_HOST": "billing",
    "BILLING_PORT": "50054",
    # Requests a second of this gateway, all clients together, and what may come at once.
    "RATE_LIMIT": "on",
    "PER_SECOND": "300",
    "BURST": "600",
    "CREDENTIALS_PER_SECOND": "20",
    "CREDENTIALS_BURST": "60",
    # Where spans go, http://host:port; and of how many requests in a hundred.
    "OTEL_EXPORTER_OTLP_ENDPOINT": "",
    "TRACES_PERCENT": "100",
    # envoyproxy/ratelimit, for limits of all gateways together. Empty: there is none.
    "RATELIMIT_HOST": "",
    "RATELIMIT_PORT": "8081",
    # Where whoever probes and measures asks for /ready and /stats/prometheus, and gets nothing else. 0: nowhere.
    "OPERATIONS_PORT": "0",
    # Where `options.write_secrets` has put what it makes of TLS_CERT_FILE, TLS_KEY_FILE and TLS_CA_FILE. Empty: no TLS.
    "SDS_DIR": "",
}


def render(environment: Mapping[str, str]) -> str:
    """The whole configuration. Names that the environment lacks have their defaults."""
    values = {name: environment.get(name, default) for name, default in DEFAULTS.items()}
    for name, value in values.items():
        if any(character in value for character in '"\n\\'):
            raise ValueError(f"{name} must not contain quotes, backslashes or line breaks")
        # These stand in the file without quotes around them.
        if DEFAULTS[name].isdigit() and not (value.isascii() and value.isdigit()):
            raise ValueError(f"{name} must be a number")
    values["RATE_LIMIT_PERCENT"] = "0" if values["RATE_LIMIT"] == "off" else "100"
    values["FRONTEND_URL"] = values["FRONTEND_URL"].rstrip("/")
    values["PUBLIC_URL"] = values["PUBLIC_URL"].rstrip("/")
    # An empty value adds no header.
    values["HSTS"] = "max-age=63072000; includeSubDomains" if values["PUBLIC_URL"].startswith("https://") else ""
    values |= options.blocks(values)
    values["PAGES"] = ("\n" + 24 * " ").join(f"- {route}" for route in pages.routes(values["PUBLIC_URL"]))
    for name in ("AUTH", "MEDIA", "TRYON", "BILLING"):
        values[f"{name}_ENDPOINTS"] = _endpoints(values[f"{name}_HOST"], values[f"{name}_PORT"])
    values |= tracing.configuration(values["OTEL_EXPORTER_OTLP_ENDPOINT"], values["TRACES_PERCENT"])
    return Template(TEMPLATE.read_text()).substitute(values)


def _endpoints(hosts: str, port: str) -> str:
    places = [host.strip().partition(":") for host in hosts.split(",")]
    if not all(name and (own or port).isdigit() for name, _, own in places):
        raise ValueError("a service's hosts must be names or name:port, with commas between them")
    return json.dumps(
        [
            {"endpoint": {"address": {"socket_address": {"address": name, "port_value": int(own or port)}}}}
            for name, _, own in places
        ]
    )


if __name__ == "__main__":
    sys.stdout.write(render(os.environ))
