"""What can go wrong with pictures, as the caller is told."""

from grpc import StatusCode

from services.kit.errors import InvalidArgument, NotFound, ServiceError


class ImageNotFound(NotFound):
    """No such image, or somebody else's."""

    reason = "IMAGE_NOT_FOUND"


class NoImageFile(InvalidArgument):
    """The form has no file, or is none."""

    reason = "NO_IMAGE_FILE"
    field = "image"


class InvalidImageType(InvalidArgument):
    """The form's `type` is neither user nor outfit."""

    reason = "INVALID_IMAGE_TYPE"
    field = "type"


class InvalidFileType(InvalidArgument):
    """The bytes are not a picture we take."""

    reason = "INVALID_FILE_TYPE"
    field = "image"


class ImageTooLarge(InvalidArgument):
    """The picture has too many pixels."""

    reason = "IMAGE_TOO_LARGE"


class ImageTooSmall(InvalidArgument):
    """The picture has too few pixels."""

    reason = "IMAGE_TOO_SMALL"


class FileTooLarge(ServiceError):
    """The file has too many bytes."""

    code = StatusCode.OUT_OF_RANGE
    reason = "FILE_TOO_LARGE"
    http_status = 413


class NotYourImage(InvalidArgument):
    """The URL is not that of one of the caller's images."""

    reason = "NOT_YOUR_IMAGE"
    field = "url"


class InvalidPageToken(InvalidArgument):
    """The token did not come from us."""

    reason = "INVALID_PAGE_TOKEN"
    field = "pageToken"


class MetadataTooLarge(InvalidArgument):
    """The metadata is more than we keep."""

    reason = "METADATA_TOO_LARGE"


class StorageUnavailable(ServiceError):
    """The store that keeps the pictures does not answer."""

    code = StatusCode.UNAVAILABLE
    reason = "STORAGE_UNAVAILABLE"
