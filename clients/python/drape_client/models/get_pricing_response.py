from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, BinaryIO, TextIO, TYPE_CHECKING, Generator

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

from typing import cast

if TYPE_CHECKING:
    from ..models.credit_packages import CreditPackages
    from ..models.subscriptions import Subscriptions


T = TypeVar("T", bound="GetPricingResponse")


@_attrs_define
class GetPricingResponse:
    """
    Attributes:
        subscriptions (Subscriptions):
        credit_packages (CreditPackages):
    """

    subscriptions: Subscriptions
    credit_packages: CreditPackages
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.credit_packages import CreditPackages  # noqa: PLC0415
        from ..models.subscriptions import Subscriptions  # noqa: PLC0415

        subscriptions = self.subscriptions.to_dict()

        credit_packages = self.credit_packages.to_dict()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "subscriptions": subscriptions,
                "creditPackages": credit_packages,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.credit_packages import CreditPackages  # noqa: PLC0415
        from ..models.subscriptions import Subscriptions  # noqa: PLC0415

        d = dict(src_dict)
        subscriptions = Subscriptions.from_dict(d.pop("subscriptions"))

        credit_packages = CreditPackages.from_dict(d.pop("creditPackages"))

        get_pricing_response = cls(
            subscriptions=subscriptions,
            credit_packages=credit_packages,
        )

        get_pricing_response.additional_properties = d
        return get_pricing_response

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
