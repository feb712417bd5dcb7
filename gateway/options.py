"""Parts of the gateway's configuration that an environment has or has not: JSON, which is YAML on one line."""

import json
from collections.abc import Mapping
from pathlib import Path

Block = dict[str, object]

TLS_FILES = ("TLS_CERT_FILE", "TLS_KEY_FILE", "TLS_CA_FILE")
_TYPES = "type.googleapis.com/envoy.extensions"
_HTTP2 = {
    "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
        "@type": f"{_TYPES}.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": {"http2_protocol_options": {}},
    }
}


def blocks(values: Mapping[str, str]) -> dict[str, str]:
    """What stands in the file under these names; nothing where the environment has no such part."""
    tls = {"transport_socket": _upstream_tls(values["SDS_DIR"])} if values["SDS_DIR"] else {}
    ratelimit = bool(values["RATELIMIT_HOST"])
    operations = values["OPERATIONS_PORT"] != "0"
    return {
        "UPSTREAM_TLS": json.dumps(tls)[1:-1],
        "GLOBAL_RATE_LIMIT": _item(_ratelimit_filter()) if ratelimit else "",
        "RATELIMIT_CLUSTER": _item(_ratelimit_cluster(values) | tls) if ratelimit else "",
        "OPERATIONS_LISTENER": _item(_operations_listener(values)) if operations else "",
        "OPERATIONS_CLUSTER": _item(_operations_cluster(values)) if operations else "",
    }


def wants_tls(environment: Mapping[str, str]) -> bool:
    """Whether the services are to be spoken to over TLS. Raises ValueError when that is said only in part."""
    given = [bool(environment.get(name)) for name in TLS_FILES]
    if any(given) and not all(given):
        raise ValueError(f"{', '.join(TLS_FILES)} must be set together")
    return all(given)


def write_secrets(environment: Mapping[str, str], folder: Path) -> None:
    """Writes what Envoy reads beside its configuration: where its certificates are, to be watched for new ones.

    A file each, because Envoy takes no more than one from a file.
    """
    certificate, key, authority = (environment[name] for name in TLS_FILES)
    own = {"certificate_chain": {"filename": certificate}, "private_key": {"filename": key}}
    trusted = {"trusted_ca": {"filename": authority}}
    for name, kind, secret, file in (
        ("own", "tls_certificate", own, certificate),
        ("authority", "validation_context", trusted, authority),
    ):
        watched = {**secret, "watched_directory": {"path": str(Path(file).parent)}}
        resource = {"@type": f"{_TYPES}.transport_sockets.tls.v3.Secret", "name": name, kind: watched}
        (folder / f"{name}.json").write_text(json.dumps({"resources": [resource]}))


def _item(block: Block) -> str:
    return f"- {json.dumps(block)}"


def _upstream_tls(folder: str) -> Block:
    def secret(name: str) -> Block:
        source = {"resource_api_version": "V3", "path_config_source": {"path": f"{folder}/{name}.json"}}
        return {"name": name, "sds_config": source}

    return {
        "name": "tls",
        "typed_config": {
            "@type": f"{_TYPES}.transport_sockets.tls.v3.UpstreamTlsContext",
            # The name that a service is reached by is the one its certificate must have.
            "auto_host_sni": True,
            "auto_sni_san_validation": True,
            "common_tls_context": {
                "tls_params": {
                    "tls_minimum_protocol_version": "TLSv1_3",
                    "tls_maximum_protocol_version": "TLSv1_3",
                },
                "alpn_protocols": ["h2"],
                "tls_certificate_sds_secret_configs": [secret("own")],
                "validation_context_sds_secret_config": secret("authority"),
            },
        },
    }


def _ratelimit_filter() -> Block:
    return {
        "name": "envoy.filters.http.ratelimit",
        "typed_config": {
            "@type": f"{_TYPES}.filters.http.ratelimit.v3.RateLimit",
            "domain": "drape",
            "timeout": "0.1s",
            # Without the service that counts, each gateway's own limits still hold.
            "failure_mode_deny": False,
            "rate_limit_service": {
                "transport_api_version": "V3",
                "grpc_service": {"envoy_grpc": {"cluster_name": "ratelimit"}},
            },
        },
    }


def _ratelimit_cluster(values: Mapping[str, str]) -> Block:
    return _cluster("ratelimit", values["RATELIMIT_HOST"], values["RATELIMIT_PORT"]) | {
        "type": "STRICT_DNS",
        "dns_lookup_family": "V4_PREFERRED",
        "typed_extension_protocol_options": _HTTP2,
    }


def _operations_listener(values: Mapping[str, str]) -> Block:
    routes = [
        {"match": {"path": path}, "route": {"cluster": "operations", "timeout": "5s"}}
        for path in ("/ready", "/stats/prometheus")
    ]
    manager = {
        "@type": f"{_TYPES}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "operations",
        "route_config": {"virtual_hosts": [{"name": "operations", "domains": ["*"], "routes": routes}]},
        "http_filters": [
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": f"{_TYPES}.filters.http.router.v3.Router"},
            }
        ],
    }
    return {
        "name": "operations",
        "address": {"socket_address": {"address": values["LISTEN_HOST"], "port_value": int(values["OPERATIONS_PORT"])}},
        "filter_chains": [
            {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
        ],
    }


def _operations_cluster(values: Mapping[str, str]) -> Block:
    return _cluster("operations", "127.0.0.1", values["ADMIN_PORT"]) | {"type": "STATIC"}


def _cluster(name: str, host: str, port: str) -> Block:
    address = {"socket_address": {"address": host, "port_value": int(port)}}
    endpoints = [{"lb_endpoints": [{"endpoint": {"address": address}}]}]
    return {
        "name": name,
        "connect_timeout": "2s",
        "load_assignment": {"cluster_name": name, "endpoints": endpoints},
    }
