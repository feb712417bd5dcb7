"""The web application of gateway/web as the gateway's routes: what Envoy answers by itself, and for how long it keeps.

Everything but the page itself lies under an address that holds a hash of it all, so browsers may keep it for ever;
relative imports between modules stay below that address without a build step.
"""

import hashlib
import json
from pathlib import Path
from string import Template

WEB = Path(__file__).parent / "web"
# Where the page answers; it reads the address and shows the right view.
PAGE_PATHS = ("/", "/gallery", "/billing", "/account", "/forgot-password", "/reset-password", "/verify-email")
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml; charset=utf-8",
}
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
    return [*_page(images, base, list(addresses)), *(_asset(address, path) for address, path in addresses.items())]


def _page(images: str, base: str, addresses: list[str]) -> list[str]:
    # Fetched side by side, instead of one level of imports after the other.
    preloads = "\n".join(f'    <link rel="modulepreload" href="{path}">' for path in addresses if path.endswith(".js"))
    page = Template((WEB / "index.html").read_text()).substitute(assets=base, preloads=preloads.strip())
    policy = _POLICY.format(images=images)
    tag = _hash(page.encode() + policy.encode())
    headers = {
        "content-type": "text/html; charset=utf-8",
        "cache-control": "no-cache",
        "etag": f'W/"{tag}"',
        "content-security-policy": policy,
        "cross-origin-opener-policy": "same-origin",
    }
    known: list[dict[str, object]] = [{"name": "if-none-match", "string_match": {"contains": tag}}]
    paths: dict[str, object] = {"safe_regex": {"regex": "|".join(PAGE_PATHS)}}
    return [
        _route(paths, headers, {"status": 304}, known),
        _route(paths, headers, {"status": 200, "body": {"inline_string": page}}),
    ]


def _asset(address: str, path: Path) -> str:
    headers = {"content-type": _TYPES[path.suffix], "cache-control": _FOREVER}
    return _route({"path": address}, headers, {"status": 200, "body": {"filename": str(path)}})


def _route(
    address: dict[str, object],
    headers: dict[str, str],
    response: dict[str, object],
    asked: list[dict[str, object]] | None = None,
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
