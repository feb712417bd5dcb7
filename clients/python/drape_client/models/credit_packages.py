from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, BinaryIO, TextIO, TYPE_CHECKING, Generator

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

from typing import cast

if TYPE_CHECKING:
    from ..models.credit_package import CreditPackage


T = TypeVar("T", bound="CreditPackages")


@_attrs_define
class CreditPackages:
    """
    Attributes:
        small (CreditPackage):
        medium (CreditPackage):
        large (CreditPackage):
    """

    small: CreditPackage
    medium: CreditPackage
    large: CreditPackage
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.credit_package import CreditPackage  # noqa: PLC0415

        small = self.small.to_dict()

        medium = self.medium.to_dict()

        large = self.large.to_dict()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "small": small,
                "medium": medium,
                "large": large,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.credit_package import CreditPackage  # noqa: PLC0415

        d = dict(src_dict)
        small = CreditPackage.from_dict(d.pop("small"))

        medium = CreditPackage.from_dict(d.pop("medium"))

        large = CreditPackage.from_dict(d.pop("large"))

        credit_packages = cls(
            small=small,
            medium=medium,
            large=large,
        )

        credit_packages.additional_properties = d
        return credit_packages

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
