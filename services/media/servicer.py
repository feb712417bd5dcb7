"""The RPCs of the media service."""

import os
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import grpc
from drape.media.v1 import image_store_pb2 as store
from drape.media.v1 import image_store_pb2_grpc, media_pb2_grpc
from drape.media.v1 import media_pb2 as pb
from google.api.httpbody_pb2 import HttpBody
from google.protobuf.json_format import MessageToDict, SerializeToJsonError
from google.protobuf.struct_pb2 import Struct
from google.protobuf.timestamp_pb2 import Timestamp

from services.kit.errors import ServiceError
from services.kit.http import NO_STORE, metadata_of, respond
from services.kit.identity import caller
from services.kit.rpc import Context
from services.media import metrics
from services.media.direct_uploads import DirectUploads
from services.media.downloads import Download, is_known, part_of, preferred_format
from services.media.errors import InvalidImageType, InvalidMetadata, NoImageFile
from services.media.forms import read_form
from services.media.gallery import MAX_PAGE, Gallery, StoredImage
from services.media.links import Links
from services.media.renditions import Renditions
from services.media.retention import Retention

SERVICE = pb.DESCRIPTOR.services_by_name["MediaService"].full_name
STORE = store.DESCRIPTOR.services_by_name["ImageStoreService"].full_name
PUBLIC = frozenset({f"{SERVICE}/DownloadImage", f"{SERVICE}/ReceiveCloudinaryNotification"})
INTERNAL = {STORE: frozenset({"tryon"})}
UPLOAD_TYPES = ("user", "outfit")
_CHUNK_BYTES = 64 * 1024
_READ_AT_ONCE = 16 * 1024 * 1024
"""Bytes of pictures in one message, unless a single one has more."""


class Images:
    """Images as messages."""

    def __init__(self, links: Links) -> None:
        self._links = links

    def message(self, row: StoredImage) -> pb.Image:
        """The image as the contract shows it."""
        metadata = Struct()
        metadata.update(row.details)
        created = Timestamp()
        created.FromDatetime(row.created_at)
        return pb.Image(
            id=row.id,
            user_id=row.user_id,
            type=row.type,
            url=self._links.url(row.id),
            cloudinary_id=row.location if row.address else None,
            metadata=metadata,
            created_at=created,
            width=row.width,
            height=row.height,
            size=row.size,
            content_type=row.content_type,
            sha256=row.sha256,
            blurhash=row.blurhash,
        )


class MediaServicer(media_pb2_grpc.MediaServiceServicer):
    """What browsers call."""

    def __init__(
        self,
        gallery: Gallery,
        renditions: Renditions,
        retention: Retention,
        direct: DirectUploads,
        images: Images,
        max_upload_bytes: int,
    ) -> None:
        self._gallery = gallery
        self._retention = retention
        self._direct = direct
        self._renditions = renditions
        self._images = images
        self._max_upload_bytes = max_upload_bytes

    async def UploadImage(self, request_iterator: AsyncIterator[HttpBody], context: Context) -> pb.UploadImageResponse:
        me = caller(context)
        chunks = _chunks(request_iterator)
        with _counted():
            async with read_form(chunks, self._max_upload_bytes) as form:
                if not form.size:
                    raise NoImageFile("No image file provided")
                kind = form.fields.get("type", "")
                check_type(kind)
                image = await self._gallery.upload(me.user_id, kind, form.file)
        await respond(context, 201)
        return pb.UploadImageResponse(message="Image uploaded successfully", image=self._images.message(image))

    async def ListImages(self, request: pb.ListImagesRequest, context: Context) -> pb.ListImagesResponse:
        size = request.page_size if request.HasField("page_size") else MAX_PAGE
        page = await self._gallery.page(caller(context).user_id, request.type, size, request.page_token)
        return pb.ListImagesResponse(
            images=[self._images.message(row) for row in page.images], next_page_token=page.next_token
        )

    async def DeleteImage(self, request: pb.DeleteImageRequest, context: Context) -> pb.DeleteImageResponse:
        await self._gallery.delete(caller(context).user_id, request.id)
        return pb.DeleteImageResponse(message="Image deleted successfully")

    async def SaveImage(self, request: pb.SaveImageRequest, context: Context) -> pb.SaveImageResponse:
        image = await self._gallery.save(caller(context).user_id, request.url, _metadata(request.metadata))
        await respond(context, 201)
        return pb.SaveImageResponse(message="Image saved successfully", image=self._images.message(image))

    async def CreateDirectUpload(
        self, request: pb.CreateDirectUploadRequest, context: Context
    ) -> pb.CreateDirectUploadResponse:
        check_type(request.type)
        allowed = await self._direct.allow(caller(context).user_id, request.type)
        expires = Timestamp()
        expires.FromDatetime(allowed.expires_at)
        await respond(context, headers=(NO_STORE,))
        return pb.CreateDirectUploadResponse(id=allowed.id, url=allowed.url, fields=allowed.fields, expires_at=expires)

    async def GetDirectUpload(self, request: pb.GetDirectUploadRequest, context: Context) -> pb.GetDirectUploadResponse:
        row, image = await self._direct.get(caller(context).user_id, request.id)
        await respond(context, headers=(NO_STORE,))
        return pb.GetDirectUploadResponse(
            id=row.id,
            state=row.state,
            image=self._images.message(image) if image else None,
            reason=row.reason,
            message=row.message,
        )

    async def ReceiveCloudinaryNotification(
        self, request: HttpBody, context: Context
    ) -> pb.ReceiveCloudinaryNotificationResponse:
        told = metadata_of(context)
        await self._direct.notified(request.data, told.get("x-cld-timestamp", ""), told.get("x-cld-signature", ""))
        return pb.ReceiveCloudinaryNotificationResponse(received=True)

    async def GetRetention(self, request: pb.GetRetentionRequest, context: Context) -> pb.GetRetentionResponse:
        return pb.GetRetentionResponse(retention_days=await self._retention.days(caller(context).user_id))

    async def SetRetention(self, request: pb.SetRetentionRequest, context: Context) -> pb.SetRetentionResponse:
        await self._retention.choose(caller(context).user_id, request.retention_days)
        return pb.SetRetentionResponse(retention_days=request.retention_days)

    async def DownloadImage(self, request: pb.DownloadImageRequest, context: Context) -> AsyncIterator[HttpBody]:
        download = await self._download(request, metadata_of(context).get("accept", ""))
        told, headers = metadata_of(context), download.headers()
        if is_known(told, download.etag):
            await respond(context, 304, headers)
            yield HttpBody(content_type=download.content_type)
            return
        start, end = 0, download.size - 1
        if part := part_of(told, download.etag, download.size):
            start, end = part
            headers = (*headers, ("content-range", f"bytes {start}-{end}/{download.size}"))
        data = await download.read()
        await respond(context, 206 if part else None, headers)
        for at in range(start, end + 1, _CHUNK_BYTES):
            yield HttpBody(content_type=download.content_type, data=data[at : min(at + _CHUNK_BYTES, end + 1)])

    async def _download(self, request: pb.DownloadImageRequest, accept: str) -> Download:
        url = (request.id, request.exp, request.sig)
        if request.w:
            return await self._renditions.served(*url, int(request.w), preferred_format(accept))
        image = await self._gallery.served(*url)
        read = partial(self._gallery.bytes_of, image)
        return Download(image.id, image.content_type, image.sha256, image.size, read)

    def register(self, server: grpc.aio.Server) -> Iterable[str]:
        """Adds the service to the server."""
        media_pb2_grpc.add_MediaServiceServicer_to_server(self, server)
        return (SERVICE,)


class ImageStoreServicer(image_store_pb2_grpc.ImageStoreServiceServicer):
    """What other services call."""

    def __init__(self, gallery: Gallery, images: Images) -> None:
        self._gallery = gallery
        self._images = images

    async def BatchGetImages(
        self,
        request: store.BatchGetImagesRequest,
        context: Context,
    ) -> store.BatchGetImagesResponse:
        rows = await self._gallery.find(caller(context).user_id, list(request.ids))
        return store.BatchGetImagesResponse(images=[self._images.message(row) for row in rows])

    async def ReadImage(
        self,
        request: store.ReadImageRequest,
        context: Context,
    ) -> store.ReadImageResponse:
        ids = list(dict.fromkeys((request.id, *request.more_ids)))
        (image, data), *more = await self._gallery.read_some(caller(context).user_id, ids, _READ_AT_ONCE)
        return store.ReadImageResponse(data=data, content_type=image.content_type, more_data=[each for _, each in more])

    async def StoreGeneratedImage(
        self,
        request: store.StoreGeneratedImageRequest,
        context: Context,
    ) -> store.StoreGeneratedImageResponse:
        metadata = _metadata(request.metadata)
        # In memory, where it is already: nothing waits for a disk, and its copy is gone with the last who has it open.
        with os.fdopen(os.memfd_create("generated"), "w+b", buffering=0) as file:
            file.write(request.data)
            image = await self._gallery.store_generated(caller(context).user_id, request.key, file, metadata)
        return store.StoreGeneratedImageResponse(image=self._images.message(image))

    async def DeleteGeneratedImage(
        self,
        request: store.DeleteGeneratedImageRequest,
        context: Context,
    ) -> store.DeleteGeneratedImageResponse:
        await self._gallery.delete_generated(caller(context).user_id, request.key)
        return store.DeleteGeneratedImageResponse()

    def register(self, server: grpc.aio.Server) -> Iterable[str]:
        """Adds the service to the server."""
        image_store_pb2_grpc.add_ImageStoreServiceServicer_to_server(self, server)
        return (STORE,)


def check_type(kind: str) -> None:
    """Raises InvalidImageType for what a user does not upload."""
    if kind not in UPLOAD_TYPES:
        raise InvalidImageType("Invalid image type. Must be: user or outfit")


async def _chunks(parts: AsyncIterator[HttpBody]) -> AsyncIterator[tuple[str, bytes]]:
    """Content type and bytes of each message; none is kept while the next is waited for."""
    async for part in parts:
        chunk = part.content_type, part.data
        del part
        yield chunk
        del chunk


def _metadata(metadata: Struct) -> dict[str, Any]:
    try:
        return MessageToDict(metadata)
    except (SerializeToJsonError, ValueError) as error:
        raise InvalidMetadata("The metadata has a number that JSON cannot say") from error


@contextmanager
def _counted() -> Iterator[None]:
    outcome = "failed"
    try:
        yield
        outcome = "stored"
    except ServiceError as error:
        outcome = error.reason
        raise
    finally:
        metrics.uploads.add(1, {"outcome": outcome})
