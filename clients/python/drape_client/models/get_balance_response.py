from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, BinaryIO, TextIO, TYPE_CHECKING, Generator

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

from ..models.get_balance_response_subscription import GetBalanceResponseSubscription
from typing import cast

if TYPE_CHECKING:
    from ..models.grant_balance import GrantBalance


T = TypeVar("T", bound="GetBalanceResponse")


@_attrs_define
class GetBalanceResponse:
    """
    Attributes:
        credits_ (int): Credits that can be spent now.
        held (int): Credits set aside for try-ons that are being made.
        subscription (GetBalanceResponseSubscription): FREE, BASIC or PREMIUM.
        grants (list[GrantBalance]):
        debt (int): Credits that were spent although their payment went back; the next ones that come in pay them first.
    """

    credits_: int
    held: int
    subscription: GetBalanceResponseSubscription
    grants: list[GrantBalance]
    debt: int
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.grant_balance import GrantBalance  # noqa: PLC0415

        credits_ = self.credits_

        held = self.held

        subscription = self.subscription.value

        grants = []
        for grants_item_data in self.grants:
            grants_item = grants_item_data.to_dict()
            grants.append(grants_item)

        debt = self.debt

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "credits": credits_,
                "held": held,
                "subscription": subscription,
                "grants": grants,
                "debt": debt,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.grant_balance import GrantBalance  # noqa: PLC0415

        d = dict(src_dict)
        credits_ = d.pop("credits")

        held = d.pop("held")

        subscription = GetBalanceResponseSubscription(d.pop("subscription"))

        grants = []
        _grants = d.pop("grants")
        for grants_item_data in _grants:
            grants_item = GrantBalance.from_dict(grants_item_data)

            grants.append(grants_item)

        debt = d.pop("debt")

        get_balance_response = cls(
            credits_=credits_,
            held=held,
            subscription=subscription,
            grants=grants,
            debt=debt,
        )

        get_balance_response.additional_properties = d
        return get_balance_response

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
