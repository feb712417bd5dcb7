"""Asks this container's own health port, for the image's HEALTHCHECK: `python -m services.kit.probe`.

Kubernetes asks by itself and does not need it.
"""

import os
import sys

import grpc
from grpc_health.v1 import health_pb2 as pb

_SECONDS = 3


def healthy(address: str) -> bool:
    """Whether the service at host:port says that it can work."""
    with grpc.insecure_channel(address) as channel:
        check = channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=pb.HealthCheckRequest.SerializeToString,
            response_deserializer=pb.HealthCheckResponse.FromString,
        )
        try:
            return bool(check(pb.HealthCheckRequest(), timeout=_SECONDS).status == pb.HealthCheckResponse.SERVING)
        except grpc.RpcError:
            return False


if __name__ == "__main__":
    port = os.environ.get("HEALTH_LISTEN", "").rpartition(":")[2]
    sys.exit(0 if port and healthy(f"127.0.0.1:{port}") else 1)
