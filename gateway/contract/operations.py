"""The calls as OpenAPI operations: parameters, bodies, answers, and every error by its status."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Any

from drape.contract.v1 import contract_pb2
from google.protobuf.descriptor_pb2 import FieldDescriptorProto

from gateway.contract import reasons, rules
from gateway.contract.reasons import Reason, UnknownReason
from gateway.contract.rules import Json
from gateway.contract.schemas import Schemas, example_value
from gateway.contract.source import HTTP_BODY, Binding, Call, Message, Source, rules_of, value_of

READING = ("get", "head")
TITLES = {
    200: "All went well",
    201: "It was made",
    202: "It has begun",
    400: "The request cannot be accepted",
    401: "Nobody is signed in",
    402: "Not enough credits",
    403: "Not allowed",
    404: "Not found",
    409: "It contradicts what happened before",
    413: "Too large",
    415: "Not JSON",
    416: "There are no such bytes",
    429: "Too many requests",
    431: "The headers are too long",
    500: "A fault of ours",
    503: "Not available right now",
    504: "It took too long",
}
_SECURITY: dict[int, list[Json]] = {
    contract_pb2.CREDENTIALS_UNSPECIFIED: [{"accessToken": []}, {"bearer": []}],
    contract_pb2.CREDENTIALS_NONE: [],
    contract_pb2.CREDENTIALS_REFRESH_TOKEN: [{"refreshToken": []}],
}
_RETRY_AFTER = {
    "Retry-After": {
        "description": "Seconds after which trying again makes sense, where that is known.",
        "schema": {"type": "integer", "minimum": 1},
    }
}
_RENEWED = contract_pb2.Header(
    name="Set-Cookie", description="New `access_token` and `refresh_token`, where the session was renewed on the way"
)


class Operations:
    """Turns calls into operations; the schemas that they need come to be on the way."""

    def __init__(self, source: Source, schemas: Schemas) -> None:
        self._source = source
        self._schemas = schemas
        self.examples: dict[str, Json] = {}
        """Bodies of errors, by their reason or, where two differ, reason and operation."""
        self.responses: dict[str, Json] = {}
        """Errors of one status and one reason."""

    def paths(self) -> dict[str, Json]:
        """Every call of the public services, by path and method."""
        found: dict[str, Json] = defaultdict(dict)
        for call in self._source.public():
            for number, binding in enumerate(call.bindings):
                found[binding.path][binding.verb] = self._operation(call, binding, number)
        return dict(found)

    def _operation(self, call: Call, binding: Binding, number: int) -> Json:
        name = call.name[0].lower() + call.name[1:]
        first, _, rest = call.comment.partition(". ")
        operation: Json = {
            "operationId": f"{name}{number + 1}" if number else name,
            "tags": [tag(call.service)],
            "summary": first.rstrip("."),
        }
        if rest:
            operation["description"] = call.comment
        operation["security"] = _SECURITY[call.options.credentials]
        if parameters := list(self._parameters(call, binding)):
            operation["parameters"] = parameters
        if body := self._request(call, binding):
            operation["requestBody"] = body
        operation["responses"] = {**self._answers(call), **self._errors(call, binding)}
        return operation

    def _parameters(self, call: Call, binding: Binding) -> Iterator[Json]:
        message = self._source.messages.get(call.request)
        in_path = _path_fields(binding)
        for field in message.fields if message else ():
            if field.name in in_path or not binding.body:
                schema = self._schemas.field(message, field, answering=False) if message else {}
                parameter: Json = {"name": field.json_name, "in": "path" if field.name in in_path else "query"}
                if field.name in in_path or rules.is_required(field):
                    parameter["required"] = True
                if description := schema.pop("description", ""):
                    parameter["description"] = description
                schema.pop("examples", None)
                parameter["schema"] = {"minLength": 1, **schema} if parameter["in"] == "path" else schema
                if value_of(field).example:
                    parameter["example"] = example_value(field, value_of(field).example)
                yield parameter
        if call.options.idempotency_key:
            yield {
                "name": "Idempotency-Key",
                "in": "header",
                "description": "The same key with the same body gives the first answer again and costs once.",
                "schema": {"type": "string", "maxLength": 255},
            }
        for header in call.options.request_headers:
            yield {"in": "header", **_header(header), "name": header.name}

    def _request(self, call: Call, binding: Binding) -> Json | None:
        if call.request == HTTP_BODY:
            return {"required": True, **self._raw(call.options.request)}
        if not binding.body:
            return None
        message = self._source.messages[call.request]
        in_path = _path_fields(binding)
        schema = self._schemas.request(message, binding.body, in_path)
        example = self._schemas.example(message, in_path)
        if binding.body != "*":
            example = example[binding.body]
        needs_some = self._schemas.components[message.short].keys() & {"required", "anyOf"}
        return {
            "required": bool(needs_some),
            "content": {"application/json": {"schema": schema, "example": example}},
        }

    def _raw(self, body: contract_pb2.Body) -> Json:
        """A body that is not JSON."""
        found: Json = {"description": body.description} if body.description else {}
        message = self._source.messages.get(body.message)
        content: Json = {}
        for kind in body.media_types:
            if message and kind.startswith("multipart/"):
                content[kind] = {"schema": self._schemas.request(message, "*")}
            elif message:
                data = {"contentMediaType": "application/json", "contentSchema": self._schemas.answer(message.name)}
                event = {"id": {"type": "string"}, "data": {"type": "string", **data}}
                text = f"One event of the stream; its data is the JSON of a `{message.short}`."
                content[kind] = {"schema": {"type": "object", "description": text, "properties": event}}
            elif kind.startswith("image/"):
                content[kind] = {"schema": {"type": "string", "format": "binary"}}
            else:
                content[kind] = {"schema": {"type": "object"}}
        return {**found, "content": content}

    def _answers(self, call: Call) -> Json:
        """What is no error."""
        options = call.options
        status = options.status or 200
        answer: Json = {"description": TITLES.get(status, TITLES[200])}
        if call.response == HTTP_BODY:
            answer |= self._raw(options.response)
        else:
            schema = self._schemas.answer(call.response)
            example = self._schemas.example(self._source.messages[call.response])
            answer["content"] = {"application/json": {"schema": schema, "example": example}}
        headers = {header.name: _header(header) for header in options.response_headers}
        if options.credentials == contract_pb2.CREDENTIALS_UNSPECIFIED and "Set-Cookie" not in headers:
            headers["Set-Cookie"] = _header(_RENEWED)
        if headers:
            answer["headers"] = headers
        answers = {str(status): answer}
        for other in options.alternatives:
            answers[str(other.status)] = {"description": other.description}
            if "content" in answer and other.status < 300:
                same = {kind: {"schema": one["schema"]} for kind, one in answer["content"].items()}
                answers[str(other.status)]["content"] = same
        return answers

    def _errors(self, call: Call, binding: Binding) -> Json:
        by_status: dict[int, dict[str, Reason]] = defaultdict(dict)
        for reason in (*self._own(call), *self._shared(call), *_gateways(call, binding)):
            by_status[reason.http_status].setdefault(reason.name, reason)
        by_status[431] = {"REQUEST_TOO_LARGE": reasons.of_gateway()["REQUEST_TOO_LARGE"]}
        by_status[504] = {"UNAVAILABLE": reasons.of_gateway()["UNAVAILABLE"]}
        return {
            str(status): self.error(status, list(by_status[status].values()), call.name) for status in sorted(by_status)
        }

    def _own(self, call: Call) -> Iterator[Reason]:
        """What the call says that it answers with."""
        known = reasons.of_service(call.owner)
        for name in call.options.errors:
            if name not in known:
                raise UnknownReason(f"{call.service}/{call.name} names {name}, which services/{call.owner} does not")
            yield known[name]

    def _shared(self, call: Call) -> Iterator[Reason]:
        """What any call of its kind may answer with, wherever it is served."""
        known = reasons.of_service(call.owner)
        if call.options.credentials == contract_pb2.CREDENTIALS_UNSPECIFIED:
            yield known["UNAUTHENTICATED"]
            yield reasons.of_service("auth")["INVALID_SESSION"]  # of a refresh token that came along
        if message := self._source.messages.get(call.request):
            if self._has_rules(message):
                yield replace(known["VALIDATION_FAILED"], sentence=self._sentence(message))
            if self._has_text(message):
                yield known["UNSTORABLE_TEXT"]

    def error(self, status: int, found: Collection[Reason], operation: str = "") -> Json:
        """The answer with one status, which says for which reasons it is given."""
        examples = {
            reason.name: {"$ref": f"#/components/examples/{self._named(reason, operation)}"} for reason in found
        }
        lines = "\n".join(f"- `{reason.name}`: {reason.meaning}" for reason in found)
        answer: Json = {
            "description": f"{TITLES.get(status, 'Refused')}.\n\n{lines}",
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}, "examples": examples}},
            "x-reasons": list(examples),
        }
        if status in (429, 503):
            answer["headers"] = _RETRY_AFTER
        if len(examples) > 1:
            return answer
        # Many operations have it.
        name = f"{status}-{next(iter(examples))}"
        self.responses[name] = answer
        return {"$ref": f"#/components/responses/{name}"}

    def _named(self, reason: Reason, operation: str) -> str:
        example = {"summary": reason.meaning, "value": reason.example()}
        if self.examples.setdefault(reason.name, example) == example:
            return reason.name
        self.examples[f"{reason.name}.{operation}"] = example
        return f"{reason.name}.{operation}"

    def _sentence(self, message: Message) -> str:
        """What a broken rule of the message is told with."""
        own = [rule.message for rule in message.rules()]
        of_fields = [rule.message for field in message.fields for rule in rules_of(field).cel]
        inner = [self._sentence(one) for one in self._inner(message) if self._has_rules(one)]
        return [*own, *of_fields, *inner, "A value is not allowed"][0]

    def _has_rules(self, message: Message) -> bool:
        checked = any(rules_of(field).ByteSize() for field in message.fields)
        return bool(message.rules()) or checked or any(self._has_rules(inner) for inner in self._inner(message))

    def _has_text(self, message: Message) -> bool:
        kinds = (FieldDescriptorProto.TYPE_STRING, FieldDescriptorProto.TYPE_MESSAGE)
        return any(field.type in kinds for field in message.fields)

    def _inner(self, message: Message) -> list[Message]:
        names = (field.type_name.lstrip(".") for field in message.fields)
        return [self._source.messages[name] for name in names if name in self._source.messages]


def tag(service: str) -> str:
    """The heading that a service's operations stand under."""
    return service.rpartition(".")[2].removesuffix("Service")


def _gateways(call: Call, binding: Binding) -> Iterator[Reason]:
    """What the gateway itself may say before, or instead of, the service."""
    known = reasons.of_gateway()
    raw = call.request == HTTP_BODY
    names = ["BAD_REQUEST", "RATE_LIMITED", "INTERNAL", "UNAVAILABLE"]
    if binding.verb not in READING:
        # What is signed shows where it comes from by that.
        if not (raw and call.options.credentials == contract_pb2.CREDENTIALS_NONE):
            names.append("CROSS_SITE_REQUEST")
        names += ["REQUEST_TOO_LARGE"] if raw else ["REQUEST_TOO_LARGE", "NOT_JSON"]
    if _path_fields(binding) or raw:
        names.append("ROUTE_NOT_FOUND")
    return (known[name] for name in names)


def _path_fields(binding: Binding) -> list[str]:
    return re.findall(r"\{(\w+)\}", binding.path)


def _header(header: contract_pb2.Header) -> Json:
    found: dict[str, Any] = {"description": header.description, "schema": {"type": "string"}}
    if header.example:
        found["example"] = header.example
    if header.required:
        found["required"] = True
    return found
