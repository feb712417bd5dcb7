"""Configurations of the customer portal: what customers may do there, and how a change of plan is billed."""

from __future__ import annotations

import copy
from typing import Any

import stripe
from stripe.params.billing_portal import (
    ConfigurationCreateParams,
    ConfigurationListParams,
    ConfigurationRetrieveParams,
    ConfigurationUpdateParams,
)

from . import lists
from .api import Endpoint
from .core import Sandbox
from .errors import InvalidRequest
from .objects import assign, build, merged_metadata
from .store import Object, new_id

KIND = "billing_portal.configuration"
_PROFILE = dict.fromkeys(("headline", "privacy_policy_url", "terms_of_service_url"))
_FEATURES: Object = {
    "customer_update": {"allowed_updates": [], "enabled": False},
    "invoice_history": {"enabled": False},
    "payment_method_update": {"enabled": False, "payment_method_configuration": None},
    "subscription_cancel": {
        "cancellation_reason": {"enabled": False, "feedback_options": None, "options": []},
        "enabled": False,
        "mode": "at_period_end",
        "proration_behavior": "none",
    },
    "subscription_pause": {"enabled": False},
    "subscription_update": {
        "billing_cycle_anchor": None,
        "default_allowed_updates": [],
        "enabled": False,
        "products": None,
        "proration_behavior": "none",
        "schedule_at_period_end": {"conditions": []},
        "trial_update_behavior": "end_trial",
    },
}


def create(sandbox: Sandbox, params: dict[str, Any]) -> Object:
    """Make a configuration; the first one is what sessions have that name none."""
    login = {"enabled": False, "url": None}
    configuration = build(
        stripe.billing_portal.Configuration,
        id=new_id("bpc"),
        active=True,
        business_profile=dict(_PROFILE),
        created=sandbox.now(),
        features=copy.deepcopy(_FEATURES),
        is_default=sandbox.store.count(KIND) == 0,
        login_page=login,
        updated=sandbox.now(),
    )
    _set(sandbox, configuration, params)
    return sandbox.add(configuration, "billing_portal.configuration.created")


def retrieve(sandbox: Sandbox, params: dict[str, Any], configuration: str) -> Object:
    """One configuration."""
    return sandbox.store.get(KIND, configuration)


def update(sandbox: Sandbox, params: dict[str, Any], configuration: str) -> Object:
    """Change the given settings.

    Raises:
        InvalidRequest: the default one cannot be made inactive; or what `create` refuses.
    """
    found = sandbox.store.get(KIND, configuration)
    if params.get("active") is False and found["is_default"]:
        raise InvalidRequest("The default configuration cannot be made inactive.", param="active")
    changed = copy.deepcopy(found)
    _set(sandbox, changed, params)
    with sandbox.changing(found, "billing_portal.configuration.updated"):
        assign(changed, params, "active")
        found |= changed | {"updated": sandbox.now()}
    return found


def list_all(sandbox: Sandbox, params: dict[str, Any]) -> Object:
    """Configurations, newest first."""
    found = lists.matching(sandbox.store.all(KIND), params, "active", "is_default")
    return lists.page(found, params, "/v1/billing_portal/configurations")


def for_session(sandbox: Sandbox, wanted: str | None) -> str:
    """The id that a session gets: the one it names, or the default; a made-up one while there is none.

    Raises:
        InvalidRequest: there is none of that id, or it is not active.
    """
    if wanted is None:
        defaults = [each["id"] for each in sandbox.store.all(KIND) if each["is_default"]]
        return str(defaults[0]) if defaults else "bpc_sandbox"
    if not sandbox.store.get(KIND, wanted, param="configuration")["active"]:
        raise InvalidRequest(f"The configuration {wanted} is not active.", param="configuration")
    return wanted


def features(sandbox: Sandbox, session: Object) -> Object:
    """What the session's customer may do; everything that has prices while nobody has configured a portal."""
    found = sandbox.store.find(KIND, session["configuration"])
    if found is not None:
        allowed: Object = found["features"]
        return allowed
    open_ = copy.deepcopy(_FEATURES)
    open_["subscription_cancel"]["enabled"] = True
    open_["subscription_update"] |= {"enabled": True, "proration_behavior": sandbox.knobs.portal_proration}
    return open_


def _set(sandbox: Sandbox, configuration: Object, params: dict[str, Any]) -> None:
    assign(configuration, params, "default_return_url", "name")
    configuration["business_profile"] |= params.get("business_profile", {})
    configuration["metadata"] = merged_metadata(configuration["metadata"], params.get("metadata"))
    for name, given in params.get("features", {}).items():
        configuration["features"][name] |= {key: None if value == "" else value for key, value in given.items()}
    changes = configuration["features"]["subscription_update"]
    if changes["enabled"] and not (changes["products"] and changes["default_allowed_updates"]):
        raise InvalidRequest(
            "Changes of subscriptions need `products` and `default_allowed_updates`.",
            param="features[subscription_update]",
        )
    for index, offered in enumerate(changes["products"] or []):
        path = f"features[subscription_update][products][{index}]"
        sandbox.store.get("product", offered["product"], param=f"{path}[product]")
        for price in offered["prices"]:
            if sandbox.store.get("price", price, param=f"{path}[prices]")["product"] != offered["product"]:
                raise InvalidRequest(f"The price {price} is of another product.", param=f"{path}[prices]")


ENDPOINTS = [
    Endpoint("POST", "/v1/billing_portal/configurations", create, ConfigurationCreateParams),
    Endpoint("GET", "/v1/billing_portal/configurations", list_all, ConfigurationListParams),
    Endpoint("GET", "/v1/billing_portal/configurations/{configuration}", retrieve, ConfigurationRetrieveParams),
    Endpoint("POST", "/v1/billing_portal/configurations/{configuration}", update, ConfigurationUpdateParams),
]
