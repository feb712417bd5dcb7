"""What can go wrong with a try-on, as the caller is told."""

from collections.abc import Sequence
from typing import ClassVar

from grpc import StatusCode

from services.kit.errors import InvalidArgument, NotFound, ServiceError


class ImagesNotFound(NotFound):
    """One of the images does not exist, or is somebody else's."""

    reason = "IMAGES_NOT_FOUND"
    SENTENCE = "One or both images not found"


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


class WebhookRefused(InvalidArgument):
    """Not signed by the provider that it names, or not of late. Nothing was changed."""

    reason = "WEBHOOK_REFUSED"


class GenerationFailed(ServiceError):
    """No engine made a picture. No credit was spent."""

    code = StatusCode.UNAVAILABLE
    reason = "GENERATION_FAILED"

    SENTENCE = "AI generation failed. Please try again later."


class InputRefused(InvalidArgument):
    """What is wrong with an image; `reason` is the engine's. No credit was spent.

    The metadata says which image it is and where in it: left, top, right, bottom, each 0 to 1.
    """

    REASONS: ClassVar = {
        "BODY_CROPPED": "The person's shoulders are cut off.",
        "CANCELED": "The try-on was canceled while its picture was waited for.",
        "CATEGORY_MISMATCH": "The garment is clearly of another kind than was said.",
        "CONTENT_REFUSED": "A provider's content check refused the pictures.",
        "FACING_AWAY": "The person is seen from behind.",
        "GARMENT_BACKGROUND_BUSY": "The garment cannot be told from what is behind it.",
        "GARMENT_CROPPED": "A part of the garment is outside its picture.",
        "GARMENT_HIDDEN": "Hair or an arm hides much of the garment that somebody wears.",
        "GARMENT_NOT_FOUND": "There is no garment in the picture.",
        "IMAGE_TOO_LARGE": "The picture has too many pixels.",
        "IMAGE_TOO_SMALL": "The picture has too few pixels.",
        "IMAGE_UNREADABLE": "The picture is damaged.",
        "LEGS_BENT": "The person is not standing.",
        "LOWER_BODY_CROPPED": "Too little of the person's legs is in the photo.",
        "NO_PERSON_FOUND": "There is no person in the photo.",
        "PERSON_TOO_SMALL": "The person is too small in the photo, or turned aside.",
        "RESULT_NOT_GOOD_ENOUGH": "A picture came of it, but none that we would show.",
        "SEVERAL_PEOPLE": "There is more than one person in the photo.",
        "UPSIDE_DOWN": "The photo is upside down.",
        "WEARER_NOT_STANDING": "Who wears the garment in its picture is not standing.",
    }
    """Every reason, and what it means. The sentences are the engines'."""

    def __init__(self, reason: str, message: str, field: str = "", box: Sequence[float] | None = None) -> None:
        place = {"box": ",".join(f"{edge:.4g}" for edge in box)} if box else {}
        super().__init__(message, **({"field": field} if field else {}), **place)
        self.reason = reason
        self.field = field
