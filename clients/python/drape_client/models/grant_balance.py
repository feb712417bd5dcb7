from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, BinaryIO, TextIO, TYPE_CHECKING, Generator

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

from ..models.grant_balance_source import GrantBalanceSource
from ..types import UNSET, Unset
from typing import cast
import datetime


T = TypeVar("T", bound="GrantBalance")


@_attrs_define
class GrantBalance:
    """What is left of one grant.

    Attributes:
        source (GrantBalanceSource): signup, purchase, subscription, promotion or adjustment.
        credits_ (int): Credits left.
        created_at (datetime.datetime):
        expires_at (datetime.datetime | Unset):
    """

    source: GrantBalanceSource
    credits_: int
    created_at: datetime.datetime
    expires_at: datetime.datetime | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        source = self.source.value

        credits_ = self.credits_

        created_at = self.created_at.isoformat()

        expires_at: str | Unset = UNSET
        if not isinstance(self.expires_at, Unset):
            expires_at = self.expires_at.isoformat()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "source": source,
                "credits": credits_,
                "createdAt": created_at,
            }
        )
        if expires_at is not UNSET:
            field_dict["expiresAt"] = expires_at

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        source = GrantBalanceSource(d.pop("source"))

        credits_ = d.pop("credits")

        created_at = datetime.datetime.fromisoformat(d.pop("createdAt"))

        _expires_at = d.pop("expiresAt", UNSET)
        expires_at: datetime.datetime | Unset
        if isinstance(_expires_at, Unset):
            expires_at = UNSET
        else:
            expires_at = datetime.datetime.fromisoformat(_expires_at)

        grant_balance = cls(
            source=source,
            credits_=credits_,
            created_at=created_at,
            expires_at=expires_at,
        )

        grant_balance.additional_properties = d
        return grant_balance

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
