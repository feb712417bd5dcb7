"""Products."""

from __future__ import annotations

from typing import Any

import stripe
from stripe.params import (
    ProductCreateParams,
    ProductListParams,
    ProductRetrieveParams,
    ProductUpdateParams,
)

from . import lists
from .api import Endpoint
from .core import Sandbox
from .errors import InvalidRequest
from .objects import assign, build, merged_metadata, require
from .store import Object, new_id

_PLAIN = ("description", "images", "shippable", "statement_descriptor", "tax_code", "unit_label", "url")


def create(sandbox: Sandbox, params: dict[str, Any]) -> Object:
    """Create a product, under an id of the caller's choice if one is given."""
    require(params, "name")
    wanted = params.get("id")
    if wanted and sandbox.store.find("product", wanted):
        raise InvalidRequest(f"Product already exists: {wanted}", param="id", code="resource_already_exists")
    product = build(
        stripe.Product,
        id=wanted or new_id("prod", 14),
        active=params.get("active", True),
        created=sandbox.now(),
        images=[],
        marketing_features=params.get("marketing_features", []),
        metadata=merged_metadata({}, params.get("metadata")),
        name=params["name"],
        type=params.get("type", "service"),
        updated=sandbox.now(),
    )
    assign(product, params, *_PLAIN)
    return sandbox.add(product, "product.created")


def retrieve(sandbox: Sandbox, params: dict[str, Any], product: str) -> Object:
    """One product."""
    return sandbox.store.get("product", product)


def update(sandbox: Sandbox, params: dict[str, Any], product: str) -> Object:
    """Change the given fields."""
    found = sandbox.store.get("product", product)
    if params.get("default_price"):
        sandbox.store.get("price", params["default_price"], param="default_price")
    with sandbox.changing(found, "product.updated"):
        assign(found, params, "active", "default_price", "name", *_PLAIN)
        found["metadata"] = merged_metadata(found["metadata"], params.get("metadata"))
        found["updated"] = sandbox.now()
    return found


def list_all(sandbox: Sandbox, params: dict[str, Any]) -> Object:
    """Products, newest first."""
    found = lists.matching(sandbox.store.all("product"), params, "active", "url", "shippable")
    wanted = params.get("ids")
    return lists.page([each for each in found if wanted is None or each["id"] in wanted], params, "/v1/products")


ENDPOINTS = [
    Endpoint("POST", "/v1/products", create, ProductCreateParams),
    Endpoint("GET", "/v1/products", list_all, ProductListParams),
    Endpoint("GET", "/v1/products/{product}", retrieve, ProductRetrieveParams),
    Endpoint("POST", "/v1/products/{product}", update, ProductUpdateParams),
]
