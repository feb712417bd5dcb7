"""What can go wrong with accounts and sessions, as the caller is told."""

from grpc import StatusCode

from services.kit.errors import InvalidArgument, ServiceError, Unauthenticated


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


class InvalidPassword(InvalidArgument):
    """A new password is too short or too long."""

    reason = "INVALID_PASSWORD"


class InvalidCredentials(Unauthenticated):
    """Unknown e-mail or wrong password; the two look the same."""

    reason = "INVALID_CREDENTIALS"


class WrongCurrentPassword(InvalidArgument):
    """Not 401, which the frontend takes for the end of the session."""

    reason = "WRONG_CURRENT_PASSWORD"


class InvalidSession(Unauthenticated):
    """The session has ended, or the refresh token was used before."""

    reason = "INVALID_SESSION"
