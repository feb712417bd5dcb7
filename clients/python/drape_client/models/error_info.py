from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, BinaryIO, TextIO, TYPE_CHECKING, Generator

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

from typing import cast
from typing import Literal, cast

if TYPE_CHECKING:
    from ..models.error_info_metadata import ErrorInfoMetadata


T = TypeVar("T", bound="ErrorInfo")


@_attrs_define
class ErrorInfo:
    """What programs tell errors apart by.

    Attributes:
        type_ (Literal['type.googleapis.com/google.rpc.ErrorInfo']):
        reason (str): One of those that the operation lists.
        domain (Literal['drape']):
        metadata (ErrorInfoMetadata): What belongs to the reason, such as `credits` and `required`.
    """

    type_: Literal["type.googleapis.com/google.rpc.ErrorInfo"]
    reason: str
    domain: Literal["drape"]
    metadata: ErrorInfoMetadata
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.error_info_metadata import ErrorInfoMetadata  # noqa: PLC0415

        type_ = self.type_

        reason = self.reason

        domain = self.domain

        metadata = self.metadata.to_dict()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "@type": type_,
                "reason": reason,
                "domain": domain,
                "metadata": metadata,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.error_info_metadata import ErrorInfoMetadata  # noqa: PLC0415

        d = dict(src_dict)
        type_ = cast(
            Literal["type.googleapis.com/google.rpc.ErrorInfo"], d.pop("@type")
        )
        if type_ != "type.googleapis.com/google.rpc.ErrorInfo":
            raise ValueError(
                f"@type must match const 'type.googleapis.com/google.rpc.ErrorInfo', got '{type_}'"
            )

        reason = d.pop("reason")

        domain = cast(Literal["drape"], d.pop("domain"))
        if domain != "drape":
            raise ValueError(f"domain must match const 'drape', got '{domain}'")

        metadata = ErrorInfoMetadata.from_dict(d.pop("metadata"))

        error_info = cls(
            type_=type_,
            reason=reason,
            domain=domain,
            metadata=metadata,
        )

        error_info.additional_properties = d
        return error_info

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
