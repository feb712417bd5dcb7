from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, BinaryIO, TextIO, TYPE_CHECKING, Generator

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

from typing import cast
from typing import Literal, cast

if TYPE_CHECKING:
    from ..models.bad_request_field_violations_item import BadRequestFieldViolationsItem


T = TypeVar("T", bound="BadRequest")


@_attrs_define
class BadRequest:
    """The fields that are at fault.

    Attributes:
        type_ (Literal['type.googleapis.com/google.rpc.BadRequest']):
        field_violations (list[BadRequestFieldViolationsItem]):
    """

    type_: Literal["type.googleapis.com/google.rpc.BadRequest"]
    field_violations: list[BadRequestFieldViolationsItem]
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.bad_request_field_violations_item import (
            BadRequestFieldViolationsItem,
        )  # noqa: PLC0415

        type_ = self.type_

        field_violations = []
        for field_violations_item_data in self.field_violations:
            field_violations_item = field_violations_item_data.to_dict()
            field_violations.append(field_violations_item)

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "@type": type_,
                "fieldViolations": field_violations,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.bad_request_field_violations_item import (
            BadRequestFieldViolationsItem,
        )  # noqa: PLC0415

        d = dict(src_dict)
        type_ = cast(
            Literal["type.googleapis.com/google.rpc.BadRequest"], d.pop("@type")
        )
        if type_ != "type.googleapis.com/google.rpc.BadRequest":
            raise ValueError(
                f"@type must match const 'type.googleapis.com/google.rpc.BadRequest', got '{type_}'"
            )

        field_violations = []
        _field_violations = d.pop("fieldViolations")
        for field_violations_item_data in _field_violations:
            field_violations_item = BadRequestFieldViolationsItem.from_dict(
                field_violations_item_data
            )

            field_violations.append(field_violations_item)

        bad_request = cls(
            type_=type_,
            field_violations=field_violations,
        )

        bad_request.additional_properties = d
        return bad_request

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
