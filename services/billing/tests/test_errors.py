"""How the errors of this service are seen."""

import pytest
from grpc import StatusCode

from services.billing import errors
from services.kit.errors import ServiceError, http_status_of

TABLE = [
    (errors.InsufficientCredits, StatusCode.FAILED_PRECONDITION, 402, "INSUFFICIENT_CREDITS"),
    (errors.HoldNotFound, StatusCode.NOT_FOUND, 404, "HOLD_NOT_FOUND"),
    (errors.HoldExpired, StatusCode.FAILED_PRECONDITION, 400, "HOLD_EXPIRED"),
    (errors.HoldAlreadyCaptured, StatusCode.FAILED_PRECONDITION, 400, "HOLD_ALREADY_CAPTURED"),
    (errors.HoldAlreadyReleased, StatusCode.FAILED_PRECONDITION, 400, "HOLD_ALREADY_RELEASED"),
    (errors.HoldMismatch, StatusCode.ALREADY_EXISTS, 409, "HOLD_MISMATCH"),
    (errors.AccountClosed, StatusCode.FAILED_PRECONDITION, 400, "ACCOUNT_CLOSED"),
    (errors.InvalidPlan, StatusCode.INVALID_ARGUMENT, 400, "INVALID_PLAN"),
    (errors.IdempotencyKeyReused, StatusCode.ABORTED, 409, "IDEMPOTENCY_KEY_REUSED"),
    (errors.InvalidIdempotencyKey, StatusCode.INVALID_ARGUMENT, 400, "INVALID_IDEMPOTENCY_KEY"),
    (errors.SignatureInvalid, StatusCode.INVALID_ARGUMENT, 400, "SIGNATURE_INVALID"),
    (errors.PaymentsUnavailable, StatusCode.UNAVAILABLE, 503, "PAYMENTS_UNAVAILABLE"),
]


@pytest.mark.parametrize(("kind", "code", "http", "reason"), TABLE)
def test_an_error_is_seen_as_the_contract_says(
    kind: type[ServiceError], code: StatusCode, http: int, reason: str
) -> None:
    assert (kind.code, kind.http_status or http_status_of(kind.code), kind.reason) == (code, http, reason)


def test_every_error_is_in_the_table() -> None:
    declared = {each for each in vars(errors).values() if getattr(each, "__module__", "") == errors.__name__}
    assert declared == {row[0] for row in TABLE}
