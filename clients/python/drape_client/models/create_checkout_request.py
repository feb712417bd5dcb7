from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, BinaryIO, TextIO, TYPE_CHECKING, Generator

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

from ..models.create_checkout_request_type import CreateCheckoutRequestType


T = TypeVar("T", bound="CreateCheckoutRequest")


@_attrs_define
class CreateCheckoutRequest:
    """
    Attributes:
        plan (str): basic or premium for a subscription; small, medium or large for credits.
        type_ (CreateCheckoutRequestType): credits or subscription.
    """

    plan: str
    type_: CreateCheckoutRequestType
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        plan = self.plan

        type_ = self.type_.value

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "plan": plan,
                "type": type_,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        plan = d.pop("plan")

        type_ = CreateCheckoutRequestType(d.pop("type"))

        create_checkout_request = cls(
            plan=plan,
            type_=type_,
        )

        create_checkout_request.additional_properties = d
        return create_checkout_request

    @property
    def additional_keys(self) -> list[str]:
        return list(self.additional_properties.keys())

    def __getitem__(self, key: str) -> Any:
        return self.additional_properties[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.additional_properties[key] = value

    def __delitem__(self, key: str) -> None:
        del self.additional_properties[key]

    def __contains__(self, key: str) -> bool:
        return key in self.additional_properties
