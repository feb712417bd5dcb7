from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, BinaryIO, TextIO, TYPE_CHECKING, Generator

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

from typing import cast
import datetime


T = TypeVar("T", bound="Session")


@_attrs_define
class Session:
    """One sign-in on one device.

    Attributes:
        id (str):
        device (str): Browser and system, such as "Firefox on Linux".
        user_agent (str):
        address (str): Where it was opened.
        created_at (datetime.datetime):
        last_used_at (datetime.datetime): When it was renewed last, which happens every quarter of an hour of use.
        current (bool): Whether it is the one that asks.
    """

    id: str
    device: str
    user_agent: str
    address: str
    created_at: datetime.datetime
    last_used_at: datetime.datetime
    current: bool
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        id = self.id

        device = self.device

        user_agent = self.user_agent

        address = self.address

        created_at = self.created_at.isoformat()

        last_used_at = self.last_used_at.isoformat()

        current = self.current

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "device": device,
                "userAgent": user_agent,
                "address": address,
                "createdAt": created_at,
                "lastUsedAt": last_used_at,
                "current": current,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        id = d.pop("id")

        device = d.pop("device")

        user_agent = d.pop("userAgent")

        address = d.pop("address")

        created_at = datetime.datetime.fromisoformat(d.pop("createdAt"))

        last_used_at = datetime.datetime.fromisoformat(d.pop("lastUsedAt"))

        current = d.pop("current")

        session = cls(
            id=id,
            device=device,
            user_agent=user_agent,
            address=address,
            created_at=created_at,
            last_used_at=last_used_at,
            current=current,
        )

        session.additional_properties = d
        return session

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
