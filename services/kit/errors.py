"""Errors that know how they look to the caller. One place, `status_of`, turns them into the wire's form."""

from google.protobuf import any_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc import StatusCode
from protovalidate import Violation

DOMAIN = "drape"


class ServiceError(Exception):
    """Something the caller should be told. Subclasses set `code` and `reason`.

    `http_status` is set where the gRPC code's own HTTP status is not the one the contract asks for. Keyword
    arguments become the metadata of the ErrorInfo; values are shown to the caller.
    """

    code: StatusCode = StatusCode.INTERNAL
    reason: str = "INTERNAL"
    http_status: int | None = None
    retry_after: int | None = None
    """Seconds after which trying again makes sense, for the header `Retry-After`."""
    headers: tuple[tuple[str, str], ...] = ()
    """Further headers of the answer."""

    def __init__(self, message: str, **metadata: object) -> None:
        super().__init__(message)
        self.message = message
        self.metadata = {key: str(value) for key, value in metadata.items()}

    def error_info(self) -> error_details_pb2.ErrorInfo:
        """The detail that programs tell errors apart by."""
        return error_details_pb2.ErrorInfo(reason=self.reason, domain=DOMAIN, metadata=self.metadata)

    def details(self) -> list[error_details_pb2.ErrorInfo | error_details_pb2.BadRequest]:
        """All details, the ErrorInfo first."""
        return [self.error_info()]


class Unauthenticated(ServiceError):
    """Nobody, or nobody valid, is calling."""

    code = StatusCode.UNAUTHENTICATED
    reason = "UNAUTHENTICATED"


class InvalidArgument(ServiceError):
    """A field's value cannot be accepted. `field` names it as the request's JSON does."""

    code = StatusCode.INVALID_ARGUMENT
    reason = "INVALID_ARGUMENT"
    field: str = ""

    def details(self) -> list[error_details_pb2.ErrorInfo | error_details_pb2.BadRequest]:
        if not self.field:
            return [self.error_info()]
        violation = error_details_pb2.BadRequest.FieldViolation(
            field=self.field, description=self.message, reason=self.reason
        )
        return [self.error_info(), error_details_pb2.BadRequest(field_violations=[violation])]


class NotFound(ServiceError):
    """It does not exist, or it belongs to somebody else; the two look the same."""

    code = StatusCode.NOT_FOUND
    reason = "NOT_FOUND"


class Unavailable(ServiceError):
    """Something we need does not answer. Trying again later may help."""

    code = StatusCode.UNAVAILABLE
    reason = "UNAVAILABLE"


class Invalid(InvalidArgument):
    """A request broke the rules its proto states. The first broken rule's sentence is the message."""

    reason = "VALIDATION_FAILED"

    def __init__(self, violations: list[Violation]) -> None:
        super().__init__(violations[0].proto.message)
        self._violations = violations

    def details(self) -> list[error_details_pb2.ErrorInfo | error_details_pb2.BadRequest]:
        fields = [
            error_details_pb2.BadRequest.FieldViolation(
                field=_json_path(item), description=item.proto.message, reason=item.proto.rule_id
            )
            for item in self._violations
        ]
        return [self.error_info(), error_details_pb2.BadRequest(field_violations=fields)]


def _json_path(violation: Violation) -> str:
    """The field's path as the JSON of the request spells it: `outputFormat` for `spec.output_format`.

    Where the body is one field of the request (`body: "spec"`), that field's own fields are the JSON's top.
    """
    path = violation.proto.field  # None when the rule is about the message as a whole
    names = [element.field_name for element in path.elements] if path else []
    return ".".join(_camel(name) for name in names[1:] or names)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.title() for part in rest)


def status_of(error: ServiceError) -> status_pb2.Status:
    """The error as `google.rpc.Status`, the contract's one shape."""
    status = status_pb2.Status(code=error.code.value[0], message=error.message)
    for detail in error.details():
        packed = any_pb2.Any()
        packed.Pack(detail)
        status.details.append(packed)
    return status


def error_info_of(status: status_pb2.Status) -> error_details_pb2.ErrorInfo:
    """The ErrorInfo of an answer of another service; empty when it has none."""
    info = error_details_pb2.ErrorInfo()
    for detail in status.details:
        if detail.Unpack(info):
            break
    return info


def http_status_of(code: StatusCode) -> int:
    """The HTTP status a gRPC code stands for (google/rpc/code.proto)."""
    return _HTTP.get(code.value[0], 500)


_HTTP = {
    code_pb2.OK: 200,
    code_pb2.INVALID_ARGUMENT: 400,
    code_pb2.FAILED_PRECONDITION: 400,
    code_pb2.OUT_OF_RANGE: 400,
    code_pb2.UNAUTHENTICATED: 401,
    code_pb2.PERMISSION_DENIED: 403,
    code_pb2.NOT_FOUND: 404,
    code_pb2.ALREADY_EXISTS: 409,
    code_pb2.ABORTED: 409,
    code_pb2.RESOURCE_EXHAUSTED: 429,
    code_pb2.CANCELLED: 499,
    code_pb2.UNIMPLEMENTED: 501,
    code_pb2.UNAVAILABLE: 503,
    code_pb2.DEADLINE_EXCEEDED: 504,
}
