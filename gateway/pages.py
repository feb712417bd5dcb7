"""The web application of gateway/web and the contract's description as the gateway's routes: what Envoy answers by
itself, and for how long it keeps.

Everything but the page itself lies under an address that holds a hash of it all, so browsers may keep it for ever;
relative imports between modules stay below that address without a build step.
"""

import hashlib
import json
from pathlib import Path
from string import Template
from typing import TypeAlias

Match: TypeAlias = dict[str, object]

WEB = Path(__file__).parent / "web"
# What `make gen` makes of the protos for people and programs to read.
CONTRACT = Path(__file__).parents[1] / "gen" / "openapi.json"
DOCS = CONTRACT.parent / "docs"
# Where the page answers; it reads the address and shows the right view.
PAGE_PATHS = ("/", "/gallery", "/billing", "/account", "/forgot-password", "/reset-password", "/verify-email")
_HTML = {"content-type": "text/html; charset=utf-8"}
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml; charset=utf-8",
}
_DOCS_POLICY = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'"
_FOREVER = "public, max-age=31536000, immutable"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' {images} blob:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
    "trusted-types 'none'"
)

# Nobody need be signed in, and the transcoder would refuse what is no call.
_FILTERS = (
    "{envoy.filters.http.ext_authz: *no_renewal, envoy.filters.http.grpc_json_transcoder: "
    '{"@type": type.googleapis.com/envoy.config.route.v3.FilterConfig, disabled: true}}'
)


def routes(images: str) -> list[str]:
    """Envoy's routes, a line of YAML each, with its anchor `no_renewal`. `images` is where pictures come from."""
    files = sorted(path for path in WEB.rglob("*") if path.suffix in _TYPES)
    base = f"/assets/{_hash(b''.join(path.read_bytes() for path in files))}"
    addresses = {f"{base}/{path.relative_to(WEB).as_posix()}": path for path in files}
    addresses_of_docs = {f"/docs/{path.name}": path for path in sorted(DOCS.iterdir()) if path.suffix in _TYPES}
    return [
        *_page(images, base, list(addresses)),
        *_checked("/docs", DOCS / "index.html", _HTML | {"content-security-policy": _DOCS_POLICY}),
        # Anybody's tools may read it, from any page.
        *_checked(
            "/api/openapi.json", CONTRACT, {"content-type": "application/json", "access-control-allow-origin": "*"}
        ),
        *(_asset(address, path) for address, path in (addresses | addresses_of_docs).items()),
    ]


def _page(images: str, base: str, addresses: list[str]) -> list[str]:
    # Fetched side by side, instead of one level of imports after the other.
    preloads = "\n".join(f'    <link rel="modulepreload" href="{path}">' for path in addresses if path.endswith(".js"))
    page = Template((WEB / "index.html").read_text()).substitute(assets=base, preloads=preloads.strip())
    headers = _HTML | {
        "content-security-policy": _POLICY.format(images=images),
        "cross-origin-opener-policy": "same-origin",
    }
    paths: Match = {"safe_regex": {"regex": "|".join(PAGE_PATHS)}}
    return _tagged(paths, page.encode(), headers, {"inline_string": page})


def _checked(address: str, path: Path, headers: dict[str, str]) -> list[str]:
    """A file that keeps its address when it changes."""
    return _tagged({"path": address}, path.read_bytes(), headers, {"filename": str(path)})


def _tagged(address: Match, content: bytes, headers: dict[str, str], body: dict[str, str]) -> list[str]:
    """Asked for again each time, and sent only when it, or what is said of it, has changed."""
    tag = _hash(content + repr(headers).encode())
    headers = headers | {"cache-control": "no-cache", "etag": f'W/"{tag}"'}
    known: list[Match] = [{"name": "if-none-match", "string_match": {"contains": tag}}]
    return [
        _route(address, headers, {"status": 304}, known),
        _route(address, headers, {"status": 200, "body": body}),
    ]


def _asset(address: str, path: Path) -> str:
    headers = {"content-type": _TYPES[path.suffix], "cache-control": _FOREVER}
    return _route({"path": address}, headers, {"status": 200, "body": {"filename": str(path)}})


def _route(
    address: Match,
    headers: dict[str, str],
    response: dict[str, object],
    asked: list[Match] | None = None,
) -> str:
    reading = {"name": ":method", "string_match": {"safe_regex": {"regex": "GET|HEAD"}}}
    match = json.dumps({**address, "headers": [reading, *(asked or [])]})
    added = [
        {"header": {"key": key, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
        for key, value in headers.items()
    ]
    return (
        f"{{match: {match}, direct_response: {json.dumps(response)}, "
        f"response_headers_to_add: {json.dumps(added)}, "
        f"response_headers_to_remove: [location], typed_per_filter_config: {_FILTERS}}}"
    )


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]
