"""Mutual TLS between our own processes: each has a certificate, and one authority has signed all of them.

Certificates are short-lived and renewed in place. A new one is used without a restart.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

_LOOK_EVERY_SECONDS = 10
# Calls under way on a channel with the old certificate end in that time; none of ours may take longer.
_GRACE_SECONDS = 120


@dataclass(frozen=True)
class Pems:
    """What the files held when they were read."""

    certificate: bytes
    key: bytes
    authority: bytes


@dataclass(frozen=True)
class Tls:
    """Where this process's certificate, its key and the authority's certificate are."""

    cert_file: Path
    key_file: Path
    ca_file: Path

    def read(self) -> Pems:
        """The files as they are now. Raises OSError."""
        return Pems(self.cert_file.read_bytes(), self.key_file.read_bytes(), self.ca_file.read_bytes())

    def server_credentials(self) -> grpc.ServerCredentials:
        """For a server that takes only clients with a certificate of the authority. Raises OSError."""
        known = self.read()

        def renewed() -> Any:
            # Asked before every handshake; None is "as before". In the middle of a renewal a file may be missing.
            nonlocal known
            try:
                found = self.read()
            except OSError:
                return None
            if found == known:
                return None
            known = found
            return _server_configuration(found)

        return grpc.dynamic_ssl_server_credentials(
            _server_configuration(known), renewed, require_client_authentication=True
        )


def _server_configuration(pems: Pems) -> Any:
    return grpc.ssl_server_certificate_configuration([(pems.key, pems.certificate)], pems.authority)


class RenewedChannel(grpc.aio.Channel):
    """A channel that shows the certificate that is in the files now: gRPC reads them only when one is opened."""

    def __init__(self, tls: Tls, open_channel: Callable[[grpc.ChannelCredentials], grpc.aio.Channel]) -> None:
        self._tls = tls
        self._open = open_channel
        self._known = tls.read()
        self._channel = open_channel(_channel_credentials(self._known))
        self._look_at = time.monotonic() + _LOOK_EVERY_SECONDS
        self._closing: set[asyncio.Task[None]] = set()

    def renew(self) -> None:
        """Opens a new channel when the files have changed; the old one is closed once its calls have ended."""
        self._look_at = time.monotonic() + _LOOK_EVERY_SECONDS
        try:
            found = self._tls.read()
        except OSError:
            return
        if found != self._known:
            old, self._known = self._channel, found
            self._channel = self._open(_channel_credentials(found))
            closing = asyncio.ensure_future(old.close(_GRACE_SECONDS))
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)

    def _current(self) -> grpc.aio.Channel:
        if time.monotonic() >= self._look_at:
            self.renew()
        return self._channel

    def _method(self, kind: str, arguments: tuple[Any, ...], names: dict[str, Any]) -> Any:
        def call(*request: Any, **how: Any) -> Any:
            return getattr(self._current(), kind)(*arguments, **names)(*request, **how)

        return call

    def unary_unary(self, *arguments: Any, **names: Any) -> Any:
        """As of any channel."""
        return self._method("unary_unary", arguments, names)

    def unary_stream(self, *arguments: Any, **names: Any) -> Any:
        """As of any channel."""
        return self._method("unary_stream", arguments, names)

    def stream_unary(self, *arguments: Any, **names: Any) -> Any:
        """As of any channel."""
        return self._method("stream_unary", arguments, names)

    def stream_stream(self, *arguments: Any, **names: Any) -> Any:
        """As of any channel."""
        return self._method("stream_stream", arguments, names)

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        """Of the present channel."""
        return self._current().get_state(try_to_connect)

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        """Of the present channel."""
        await self._current().wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:
        """Of the present channel."""
        await self._current().channel_ready()

    async def close(self, grace: float | None = None) -> None:
        """Closes it, and what is left of those before it."""
        for closing in self._closing:
            closing.cancel()
        await self._channel.close(grace)

    async def __aenter__(self) -> "RenewedChannel":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def _channel_credentials(pems: Pems) -> grpc.ChannelCredentials:
    return grpc.ssl_channel_credentials(pems.authority, pems.key, pems.certificate)
