"""The whole OpenAPI document: the calls, what the gateway answers by itself, and what they share."""

import tomllib
from pathlib import Path

from gateway.contract import reasons
from gateway.contract.operations import Operations, tag
from gateway.contract.reasons import ROOT
from gateway.contract.rules import Json
from gateway.contract.schemas import Schemas
from gateway.contract.source import Source

INTRODUCTION = Path(__file__).parent / "introduction.md"

_ERROR_INFO: Json = {
    "type": "object",
    "description": "What programs tell errors apart by.",
    "properties": {
        "@type": {"type": "string", "const": "type.googleapis.com/google.rpc.ErrorInfo"},
        "reason": {
            "type": "string",
            "pattern": "^[A-Z]+(_[A-Z]+)*$",
            "description": "One of those that the operation lists.",
            "examples": ["INSUFFICIENT_CREDITS"],
        },
        "domain": {"type": "string", "const": "drape"},
        "metadata": {
            "type": "object",
            "additionalProperties": {"type": "string"},
            "description": "What belongs to the reason, such as `credits` and `required`.",
        },
    },
    "required": ["@type", "reason", "domain", "metadata"],
}
_BAD_REQUEST: Json = {
    "type": "object",
    "description": "The fields that are at fault.",
    "properties": {
        "@type": {"type": "string", "const": "type.googleapis.com/google.rpc.BadRequest"},
        "fieldViolations": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "field": {"type": "string", "description": "As the request's JSON spells it."},
                    "description": {"type": "string", "description": "A sentence about it."},
                    "reason": {"type": "string"},
                },
                "required": ["field", "description"],
            },
        },
    },
    "required": ["@type", "fieldViolations"],
}
_ERROR: Json = {
    "type": "object",
    "description": "Every error looks like this: the JSON of a google.rpc.Status.",
    "properties": {
        "code": {"type": "integer", "format": "int32", "description": "The code of gRPC."},
        "message": {"type": "string", "description": "A sentence to show to a person.", "minLength": 1},
        "details": {
            "type": "array",
            "description": "The ErrorInfo first.",
            "minItems": 1,
            "items": {
                "anyOf": [{"$ref": "#/components/schemas/ErrorInfo"}, {"$ref": "#/components/schemas/BadRequest"}]
            },
        },
    },
    "required": ["code", "message", "details"],
}
_SECURITY: Json = {
    "accessToken": {
        "type": "apiKey",
        "in": "cookie",
        "name": "access_token",
        "description": "Set when signing in, and renewed by itself while `refresh_token` is good.",
    },
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "The `token` of the answer to registering, signing in or refreshing. Good for 15 minutes.",
    },
    "refreshToken": {
        "type": "apiKey",
        "in": "cookie",
        "name": "refresh_token",
        "description": "Set when signing in, and replaced whenever it is used.",
    },
}


def document(descriptors: Path) -> Json:
    """The contract of the protos in a descriptor set, as OpenAPI 3.1."""
    source = Source(descriptors)
    schemas = Schemas(source)
    operations = Operations(source, schemas)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    services = dict.fromkeys(call.service for call in source.public())
    paths = {**operations.paths(), **_of_gateway(operations)}
    errors = {"Error": _ERROR, "ErrorInfo": _ERROR_INFO, "BadRequest": _BAD_REQUEST}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Drape",
            "version": project["version"],
            "description": INTRODUCTION.read_text(),
            "license": {"name": project["license"], "identifier": project["license"]},
        },
        "servers": [{"url": "/", "description": "The gateway that serves this document."}],
        "tags": [
            *({"name": tag(name), "description": source.services[name]} for name in services),
            {"name": "Gateway", "description": "What the gateway answers by itself."},
        ],
        "paths": paths,
        "components": {
            "schemas": dict(sorted((schemas.components | errors).items())),
            "responses": dict(sorted(operations.responses.items())),
            "examples": dict(sorted(operations.examples.items())),
            "securitySchemes": _SECURITY,
        },
    }


def _of_gateway(operations: Operations) -> dict[str, Json]:
    """What answers without a service behind it."""
    known = reasons.of_gateway()
    away = operations.error(503, [known["UNAVAILABLE"]])
    healthy = {"type": "object", "properties": {"status": {"type": "string", "const": "ok"}}, "required": ["status"]}
    tag_ = "The document's hash, for `If-None-Match`"
    tagged = {"ETag": {"description": tag_, "schema": {"type": "string"}, "required": True}}
    asked = {"name": "If-None-Match", "in": "header", "description": "An `ETag`.", "schema": {"type": "string"}}
    shared = {
        str(status): operations.error(status, [known[name]])
        for status, name in ((400, "BAD_REQUEST"), (429, "RATE_LIMITED"), (431, "REQUEST_TOO_LARGE"))
    }
    return {
        "/health": {
            "get": {
                "operationId": "getHealth",
                "tags": ["Gateway"],
                "summary": "Whether every service answers",
                "security": [],
                "responses": {
                    "200": {"description": "All do", "content": {"application/json": {"schema": healthy}}},
                    "503": away,
                    **{status: answer for status, answer in shared.items() if status != "429"},
                },
            }
        },
        "/api/openapi.json": {
            "get": {
                "operationId": "getContract",
                "tags": ["Gateway"],
                "summary": "This document",
                "security": [],
                "parameters": [asked],
                "responses": {
                    "200": {
                        "description": "OpenAPI 3.1",
                        "headers": tagged,
                        "content": {"application/json": {"schema": {"type": "object"}}},
                    },
                    "304": {"description": "It is the one of `If-None-Match`"},
                    **shared,
                },
            }
        },
    }
