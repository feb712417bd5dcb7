"""How the errors of this service are seen."""

import pytest
from grpc import StatusCode

from services.auth import errors
from services.kit.errors import ServiceError, http_status_of

TABLE = [
    (errors.UserAlreadyExists, StatusCode.ALREADY_EXISTS, 400, "USER_ALREADY_EXISTS"),
    (errors.EmailInUse, StatusCode.ALREADY_EXISTS, 400, "EMAIL_IN_USE"),
    (errors.InvalidEmail, StatusCode.INVALID_ARGUMENT, 400, "INVALID_EMAIL"),
    (errors.InvalidPassword, StatusCode.INVALID_ARGUMENT, 400, "INVALID_PASSWORD"),
    (errors.InvalidCredentials, StatusCode.UNAUTHENTICATED, 401, "INVALID_CREDENTIALS"),
    (errors.WrongCurrentPassword, StatusCode.INVALID_ARGUMENT, 400, "WRONG_CURRENT_PASSWORD"),
    (errors.TooManyAttempts, StatusCode.RESOURCE_EXHAUSTED, 429, "TOO_MANY_ATTEMPTS"),
    (errors.AccountDisabled, StatusCode.PERMISSION_DENIED, 403, "ACCOUNT_DISABLED"),
    (errors.SessionNotFound, StatusCode.NOT_FOUND, 404, "SESSION_NOT_FOUND"),
    (errors.InvalidLink, StatusCode.INVALID_ARGUMENT, 400, "INVALID_LINK"),
    (errors.InvalidSession, StatusCode.UNAUTHENTICATED, 401, "INVALID_SESSION"),
    (errors.TooManyAttempts, StatusCode.RESOURCE_EXHAUSTED, 429, "TOO_MANY_ATTEMPTS"),
    (errors.AccountDisabled, StatusCode.PERMISSION_DENIED, 403, "ACCOUNT_DISABLED"),
    (errors.SessionNotFound, StatusCode.NOT_FOUND, 404, "SESSION_NOT_FOUND"),
    (errors.InvalidLink, StatusCode.INVALID_ARGUMENT, 400, "INVALID_LINK"),
]


@pytest.mark.parametrize(("kind", "code", "http", "reason"), TABLE)
def test_an_error_is_seen_as_the_contract_says(
    kind: type[ServiceError], code: StatusCode, http: int, reason: str
) -> None:
    assert (kind.code, kind.http_status or http_status_of(kind.code), kind.reason) == (code, http, reason)


def test_every_error_is_in_the_table() -> None:
    declared = {each for each in vars(errors).values() if getattr(each, "__module__", "") == errors.__name__}
    assert {each for each in declared if issubclass(each, ServiceError)} == {row[0] for row in TABLE}
