"""What can go wrong with pictures, as the caller is told."""

from grpc import StatusCode

from services.kit.errors import InvalidArgument, NotFound, ServiceError


class ImageNotFound(NotFound):
    """No such image, or somebody else's."""

    reason = "IMAGE_NOT_FOUND"


class UploadNotFound(NotFound):
    """No such direct upload, or somebody else's, or one of long ago."""

    reason = "UPLOAD_NOT_FOUND"


class NoImageFile(InvalidArgument):
    """The form has no file, or is none."""

    reason = "NO_IMAGE_FILE"
    field = "image"


class InvalidImageType(InvalidArgument):
    """The form's `type` is neither user nor outfit."""

    reason = "INVALID_IMAGE_TYPE"
    field = "type"


class PictureRejected(InvalidArgument):
    """The bytes are no picture that we take; `pictures.py` and the pool name the reasons."""

    field = "image"

    def __init__(self, reason: str, message: str, **metadata: object) -> None:
        super().__init__(message, **metadata)
        self.reason = reason


class FileTooLarge(ServiceError):
    """The file has too many bytes."""

    code = StatusCode.OUT_OF_RANGE
    reason = "FILE_TOO_LARGE"
    http_status = 413


class QuotaExceeded(ServiceError):
    """The user's gallery is full. Nothing was stored."""

    code = StatusCode.RESOURCE_EXHAUSTED
    reason = "QUOTA_EXCEEDED"
    http_status = 413


class NotYourImage(InvalidArgument):
    """The URL is not that of one of the caller's images."""

    reason = "NOT_YOUR_IMAGE"
    field = "url"


class InvalidPageToken(InvalidArgument):
    """The token did not come from us."""

    reason = "INVALID_PAGE_TOKEN"
    field = "pageToken"


class InvalidMetadata(InvalidArgument):
    """The metadata is more than we keep, or has what JSON cannot say."""

    reason = "INVALID_METADATA"
    field = "metadata"


class RangeNotSatisfiable(ServiceError):
    """The picture has no such bytes."""

    code = StatusCode.OUT_OF_RANGE
    reason = "RANGE_NOT_SATISFIABLE"
    http_status = 416

    def __init__(self, size: int) -> None:
        super().__init__("The image does not have the bytes that were asked for.", size=size)
        self.headers = (("content-range", f"bytes */{size}"),)


class Busy(ServiceError):
    """More pictures are waiting than we let wait."""

    code = StatusCode.UNAVAILABLE
    reason = "BUSY"
    retry_after = 2


class StorageUnavailable(ServiceError):
    """The store that keeps the pictures does not answer."""

    code = StatusCode.UNAVAILABLE
    reason = "STORAGE_UNAVAILABLE"


class BlobMissing(StorageUnavailable):
    """The store answers, and does not have the bytes that it should have."""


class DirectUploadUnavailable(ServiceError):
    """Pictures are not kept at Cloudinary here."""

    code = StatusCode.FAILED_PRECONDITION
    reason = "DIRECT_UPLOAD_UNAVAILABLE"


class NotificationRefused(InvalidArgument):
    """Not Cloudinary's, or too old."""

    reason = "NOTIFICATION_REFUSED"
