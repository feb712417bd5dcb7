"""The service as others reach it: over a channel, composed as in production, with its interceptor and its sweeper."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import grpc
from drape.auth.v1 import user_data_pb2_grpc
from drape.media.v1 import image_store_pb2_grpc, media_pb2_grpc
from drape.media.v1 import media_pb2 as pb
from google.api.httpbody_pb2 import HttpBody

from services.kit import server
from services.kit.identity import UserTokens
from services.kit.tests.credentials import ISSUER, Issuer, ServiceKeys, bearer
from services.media.__main__ import compose
from services.media.settings import Settings
from services.media.tests.bodies import CONTENT_TYPE, body, file_part, text_part
from services.media.tests.samples import plain
from services.media.tests.test_links import parts_of

PHOTO, OTHER = plain(size=(600, 400)), plain(colour="navy")


@dataclass
class Media:
    """A running service, its folder, and the keys of those who call it."""

    channel: grpc.aio.Channel
    keys: ServiceKeys
    issuer: Issuer
    folder: Path

    def __post_init__(self) -> None:
        self.api = media_pb2_grpc.MediaServiceStub(self.channel)
        self.store = image_store_pb2_grpc.ImageStoreServiceStub(self.channel)
        self.user_data = user_data_pb2_grpc.UserDataServiceStub(self.channel)

    def as_user(self, user: str) -> tuple[tuple[str, str], ...]:
        """The metadata of a browser's call."""
        return bearer(self.issuer.token(user))

    def as_service(self, name: str, user: str) -> tuple[tuple[str, str], ...]:
        """The metadata of a service's call."""
        return bearer(self.keys.of(name).sign("media", user))

    def sending(
        self, user: str, form: bytes, chunk: int = 64 * 1024, content_type: str = CONTENT_TYPE
    ) -> "grpc.aio.StreamUnaryCall[HttpBody, pb.UploadImageResponse]":
        """An upload as the gateway streams it: the content type comes with the first message only."""

        async def messages() -> AsyncIterator[HttpBody]:
            for start in range(0, len(form), chunk):
                yield HttpBody(content_type="" if start else content_type, data=form[start : start + chunk])

        return self.api.UploadImage(messages(), metadata=self.as_user(user))

    async def upload(self, user: str, data: bytes = PHOTO, kind: str = "user") -> pb.Image:
        """An uploaded image."""
        return (await self.sending(user, body(file_part(data), text_part("type", kind)))).image

    async def download(self, url: str, w: str = "", **headers: str) -> tuple[dict[str, str], str, bytes]:
        """Headers, content type and bytes behind an image's URL, or of a copy `w` pixels wide."""
        image_id, expires, signature = parts_of(url)
        request = pb.DownloadImageRequest(id=image_id, exp=expires, sig=signature, w=w)
        metadata = tuple((name.replace("_", "-"), value) for name, value in headers.items())
        call = self.api.DownloadImage(request, metadata=metadata)
        parts = [part async for part in call]
        return headers_of(await call.initial_metadata()), parts[0].content_type, b"".join(part.data for part in parts)


def headers_of(metadata: grpc.aio.Metadata) -> dict[str, str]:
    """What the gateway makes headers of."""
    return {str(key): str(value) for key, value in metadata}


@asynccontextmanager
async def serving(url: str, folder: Path, **settings: object) -> AsyncIterator[Media]:
    """The service as `__main__` composes it; only the access tokens are of our own making."""
    keys, issuer = ServiceKeys(), Issuer()
    config = Settings.model_validate(
        {
            "data_dir": str(folder),
            "public_url": "https://drape.example",
            "url_secret": "secret",
            "service_private_key": keys.private["media"],
            "service_public_keys": keys.public,
            "picture_workers": 1,
            **settings,
        }
    )
    service = replace(await compose(config, url), users=UserTokens(issuer.fetch, ISSUER))
    running, _, port = await server.start(service)
    stop = asyncio.Event()
    background = [asyncio.ensure_future(run(stop)) for run in service.background]
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield Media(channel, keys, issuer, folder / "blobs")
    stop.set()
    await asyncio.gather(*background)
    await running.stop(None)
    assert service.close
    await service.close()
