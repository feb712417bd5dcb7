"""Envoy's part in a trace: it begins one with each request, and tells nothing of who asks."""

import json
from urllib.parse import urlsplit

# What Envoy would tell by itself has URLs with their signatures, and where and what the browser is.
_TAGS = {
    "http.url": "%PATH(NQ)%",
    "user_agent": "-",
    "peer.address": "-",
    # By the semantic conventions:
    "url.path": "%PATH(NQ)%",
    "http.request.method": "%REQ(X-ENVOY-ORIGINAL-METHOD?:METHOD)%",
    "http.response.status_code": "%RESPONSE_CODE%",
}


def configuration(endpoint: str, percent: str) -> dict[str, str]:
    """What stands for ${TRACING} and ${TRACING_CLUSTER}: nothing without an endpoint. Raises ValueError."""
    if not endpoint:
        return {"TRACING": "", "TRACING_CLUSTER": ""}
    place = urlsplit(endpoint)
    if place.scheme != "http" or not place.hostname:
        raise ValueError("OTEL_EXPORTER_OTLP_ENDPOINT must be http://host:port, of a collector beside the gateway")
    return {
        "TRACING": f"tracing: {json.dumps(_tracing(int(percent)))}",
        "TRACING_CLUSTER": f"- {json.dumps(_cluster(place.hostname, place.port or 4317))}",
    }


def _tracing(percent: int) -> dict[str, object]:
    return {
        "random_sampling": {"value": percent},
        "spawn_upstream_span": True,
        "operation": "%REQ(:METHOD)%",
        "custom_tags": [{"tag": tag, "value": value} for tag, value in _TAGS.items()],
        "provider": {
            "name": "envoy.tracers.opentelemetry",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig",
                "grpc_service": {"envoy_grpc": {"cluster_name": "telemetry"}, "timeout": "3s"},
                "service_name": "gateway",
            },
        },
    }


def _cluster(host: str, port: int) -> dict[str, object]:
    address = {"socket_address": {"address": host, "port_value": port}}
    http2 = {
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": {"http2_protocol_options": {}},
    }
    return {
        "name": "telemetry",
        "type": "STRICT_DNS",
        "dns_lookup_family": "V4_PREFERRED",
        "connect_timeout": "2s",
        "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": http2},
        "load_assignment": {
            "cluster_name": "telemetry",
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
        },
    }
