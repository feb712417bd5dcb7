"""What can go wrong with credits and payments, as the caller is told."""

from grpc import StatusCode

from services.kit.errors import InvalidArgument, NotFound, ServiceError


class InsufficientCredits(ServiceError):
    """The balance does not cover the hold. Nothing was changed."""

    code = StatusCode.FAILED_PRECONDITION
    reason = "INSUFFICIENT_CREDITS"
    http_status = 402


class HoldNotFound(NotFound):
    """No hold has that id."""

    reason = "HOLD_NOT_FOUND"


class HoldExpired(ServiceError):
    """The hold's time was over and its credits went back."""

    code = StatusCode.FAILED_PRECONDITION
    reason = "HOLD_EXPIRED"


class HoldAlreadyCaptured(ServiceError):
    """The hold was spent."""

    code = StatusCode.FAILED_PRECONDITION
    reason = "HOLD_ALREADY_CAPTURED"


class HoldAlreadyReleased(ServiceError):
    """The hold was given back."""

    code = StatusCode.FAILED_PRECONDITION
    reason = "HOLD_ALREADY_RELEASED"


class HoldMismatch(ServiceError):
    """The hold's id stands for another user or amount."""

    code = StatusCode.ALREADY_EXISTS
    reason = "HOLD_MISMATCH"


class AccountClosed(ServiceError):
    """The user has deleted their account."""

    code = StatusCode.FAILED_PRECONDITION
    reason = "ACCOUNT_CLOSED"


class InvalidPlan(InvalidArgument):
    """Nothing of that name is sold."""

    reason = "INVALID_PLAN"
    field = "plan"


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


class SignatureInvalid(InvalidArgument):
    """The webhook was not sent by Stripe, or not recently."""

    reason = "SIGNATURE_INVALID"


class PaymentsUnavailable(ServiceError):
    """Stripe does not answer."""

    code = StatusCode.UNAVAILABLE
    reason = "PAYMENTS_UNAVAILABLE"
