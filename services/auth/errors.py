"""What can go wrong with accounts and sessions, as the caller is told."""

from grpc import StatusCode

from services.kit.errors import InvalidArgument, NotFound, ServiceError, Unauthenticated


class UserAlreadyExists(ServiceError):
    """An account with that e-mail exists."""

    code = StatusCode.ALREADY_EXISTS
    reason = "USER_ALREADY_EXISTS"
    http_status = 400


class EmailInUse(ServiceError):
    """Another account has that e-mail."""

    code = StatusCode.ALREADY_EXISTS
    reason = "EMAIL_IN_USE"
    http_status = 400


class InvalidEmail(InvalidArgument):
    """It is not an e-mail address."""

    reason = "INVALID_EMAIL"
    field = "email"


class InvalidPassword(InvalidArgument):
    """A new password is too short or too long."""

    reason = "INVALID_PASSWORD"
    field = "password"


class InvalidCredentials(Unauthenticated):
    """Unknown e-mail or wrong password; the two look the same."""

    reason = "INVALID_CREDENTIALS"


class WrongCurrentPassword(InvalidArgument):
    """Not 401, which the frontend takes for the end of the session."""

    reason = "WRONG_CURRENT_PASSWORD"


class InvalidSession(Unauthenticated):
    """The session has ended, or the refresh token was used before."""

    reason = "INVALID_SESSION"


class TooManyAttempts(ServiceError):
    """There was too much guessing of late. Nothing was looked at."""

    code = StatusCode.RESOURCE_EXHAUSTED
    reason = "TOO_MANY_ATTEMPTS"

    def __init__(self, seconds: int) -> None:
        wait = f"{seconds} seconds" if seconds > 1 else "a second"
        super().__init__(f"Too many attempts. Please try again in {wait}.", retryAfterSeconds=seconds)
        self.retry_after = seconds


class AccountDisabled(ServiceError):
    """The password is right, but an administrator has closed the account. Told to its owner only."""

    code = StatusCode.PERMISSION_DENIED
    reason = "ACCOUNT_DISABLED"


class SessionNotFound(NotFound):
    """There is no such session, or it is somebody else's."""

    reason = "SESSION_NOT_FOUND"


class InvalidLink(InvalidArgument):
    """A mailed token is unknown, was used, or has expired; they look the same."""

    reason = "INVALID_LINK"
