"""What can go wrong with a try-on, as the caller is told."""

from collections.abc import Sequence

from grpc import StatusCode

from services.kit.errors import InvalidArgument, NotFound, ServiceError


class ImagesNotFound(NotFound):
    """One of the images does not exist, or is somebody else's."""

    reason = "IMAGES_NOT_FOUND"


class NotAUserPhoto(InvalidArgument):
    """The first image is not of type user."""

    reason = "NOT_A_USER_PHOTO"
    field = "personImageId"


class NotAnOutfit(InvalidArgument):
    """The second image is not of type outfit."""

    reason = "NOT_AN_OUTFIT"
    field = "outfitImageId"


class JobNotFound(NotFound):
    """No such job, or somebody else's."""

    reason = "JOB_NOT_FOUND"


class JobAlreadyFinished(ServiceError):
    """There is nothing left to cancel."""

    code = StatusCode.FAILED_PRECONDITION
    reason = "JOB_ALREADY_FINISHED"


class TooBusy(ServiceError):
    """More is waiting than we can make in good time. Nothing was begun."""

    code = StatusCode.UNAVAILABLE
    reason = "TOO_BUSY"
    retry_after = 10


class InsufficientCredits(ServiceError):
    """There is no credit to spend. Nothing was begun."""

    code = StatusCode.FAILED_PRECONDITION
    reason = "INSUFFICIENT_CREDITS"
    http_status = 402


class IdempotencyKeyReused(ServiceError):
    """The key was used before, with another body."""

    code = StatusCode.ABORTED
    reason = "IDEMPOTENCY_KEY_REUSED"


class InvalidIdempotencyKey(InvalidArgument):
    """The key is too long."""

    reason = "INVALID_IDEMPOTENCY_KEY"


class InvalidPageToken(InvalidArgument):
    """The token did not come from us."""

    reason = "INVALID_PAGE_TOKEN"
    field = "pageToken"


class GenerationFailed(ServiceError):
    """No engine made a picture. No credit was spent."""

    code = StatusCode.UNAVAILABLE
    reason = "GENERATION_FAILED"

    SENTENCE = "AI generation failed. Please try again later."


class InputRefused(InvalidArgument):
    """What is wrong with an image; `reason` is the engine's. No credit was spent.

    The metadata says which image it is and where in it: left, top, right, bottom, each 0 to 1.
    """

    def __init__(self, reason: str, message: str, field: str = "", box: Sequence[float] | None = None) -> None:
        place = {"box": ",".join(f"{edge:.4g}" for edge in box)} if box else {}
        super().__init__(message, **({"field": field} if field else {}), **place)
        self.reason = reason
        self.field = field
