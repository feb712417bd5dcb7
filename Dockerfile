# Every image of Drape, each built from the top of the repository:
#   docker build --build-arg SERVICE=auth -t drape/auth:0.1.0 .        (auth, media, tryon or billing)
#   docker build --target gateway -t drape/gateway:0.1.0 .
#   docker build --target sandbox -t drape/sandbox:0.1.0 .             (stand-ins for Stripe and mail; never in production)
# docs/operations.md says how to pin the two base images by digest.
ARG SERVICE=auth

FROM python:3.11.14-slim-bookworm AS python
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PIP_DISABLE_PIP_VERSION_CHECK=1

FROM envoyproxy/envoy:v1.40.0 AS envoy

# Everything that the lock file names, checked against its hashes. What follows installs from here and asks no index.
FROM python AS packages
WORKDIR /src
COPY requirements.lock ./
RUN pip download --no-cache-dir --require-hashes --no-deps --only-binary=:all: --dest /packages -r requirements.lock
ENV PIP_NO_INDEX=1 PIP_FIND_LINKS="/packages /wheel" PIP_NO_CACHE_DIR=1

# Our own code as one wheel, with what is generated from the protos.
FROM packages AS code
# Of each there is one version in /packages, the locked one.
# hadolint ignore=DL3013
RUN pip install googleapis-common-protos grpcio-tools mypy-protobuf protovalidate setuptools
COPY pyproject.toml LICENSE ./
COPY scripts/gen.py scripts/gen.py
COPY protos protos
RUN python scripts/gen.py
COPY services services
RUN pip wheel --no-deps --no-build-isolation --wheel-dir /wheel .

# The try-on engine's models. The script checks their hashes.
FROM python AS models
COPY scripts/fetch_models.py /
RUN python /fetch_models.py /models

# One service and its own requirements, in a virtual environment without pip.
FROM packages AS build
ARG SERVICE
COPY --from=code /wheel /wheel
# hadolint ignore=DL3013
RUN python -m venv --without-pip /app && pip --python /app/bin/python install "drape[${SERVICE}]"

# What all services have at run time. Nothing is written but below /tmp, and by media without object storage in /data.
FROM python AS runtime
RUN install --directory --owner=10001 --group=10001 /data
ENV PATH=/app/bin:$PATH DATA_DIR=/data HEALTH_LISTEN=0.0.0.0:50050
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD ["python", "-m", "services.kit.probe"]

FROM runtime AS auth
ENV LISTEN=0.0.0.0:50051
EXPOSE 50051
CMD ["python", "-m", "services.auth"]

FROM runtime AS media
ENV LISTEN=0.0.0.0:50052
EXPOSE 50052
CMD ["python", "-m", "services.media"]

# Its workers are the same image with `python -m services.tryon.worker`.
FROM runtime AS tryon
COPY --from=models /models /models
ENV LISTEN=0.0.0.0:50053 MODEL_DIR=/models
EXPOSE 50053
CMD ["python", "-m", "services.tryon"]

FROM runtime AS billing
ENV LISTEN=0.0.0.0:50054
EXPOSE 50054
CMD ["python", "-m", "services.billing"]

# Python fills in the configuration from the environment and then becomes the official Envoy: no secret is in the image.
FROM python AS gateway
COPY --from=envoy /usr/local/bin/envoy /usr/local/bin/envoy
COPY gateway /app/gateway
COPY --from=code /src/gen/drape.binpb /app/gen/drape.binpb
WORKDIR /app
ENV LISTEN_PORT=8080 OPERATIONS_PORT=9902
EXPOSE 8080 9902
LABEL org.opencontainers.image.title="drape-gateway" org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0"
USER 10001:10001
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:9902/ready', timeout=3)"]
CMD ["python", "-m", "gateway"]

FROM packages AS sandbox-build
COPY --from=code /wheel /wheel
# hadolint ignore=DL3013
RUN python -m venv --without-pip /app && pip --python /app/bin/python install "drape[billing,local]"

FROM python AS sandbox
COPY --from=sandbox-build /app /app
COPY sandbox /srv/sandbox
WORKDIR /srv
ENV PATH=/app/bin:$PATH
LABEL org.opencontainers.image.title="drape-sandbox" org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0"
USER 10001:10001
HEALTHCHECK NONE
CMD ["python", "-m", "sandbox.mail"]

# The last stage is what is built when no other is named.
# hadolint ignore=DL3006
FROM ${SERVICE} AS service
ARG SERVICE
COPY --from=build /app /app
LABEL org.opencontainers.image.title="drape-${SERVICE}" org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0"
USER 10001:10001
