from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, BinaryIO, TextIO, TYPE_CHECKING, Generator

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

from ..models.user_subscription import UserSubscription
from ..types import UNSET, Unset
from typing import cast
import datetime


T = TypeVar("T", bound="User")


@_attrs_define
class User:
    """A person's account. Which fields are set depends on the answer it stands in.

    Attributes:
        id (str):
        email (str):
        name (str | Unset):
        credits_ (int | Unset): Credits that can be spent. Left out while billing cannot be asked.
        subscription (UserSubscription | Unset): FREE, BASIC or PREMIUM. Left out while billing cannot be asked.
        created_at (datetime.datetime | Unset):
    """

    id: str
    email: str
    name: str | Unset = UNSET
    credits_: int | Unset = UNSET
    subscription: UserSubscription | Unset = UNSET
    created_at: datetime.datetime | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        id = self.id

        email = self.email

        name = self.name

        credits_ = self.credits_

        subscription: str | Unset = UNSET
        if not isinstance(self.subscription, Unset):
            subscription = self.subscription.value

        created_at: str | Unset = UNSET
        if not isinstance(self.created_at, Unset):
            created_at = self.created_at.isoformat()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "email": email,
            }
        )
        if name is not UNSET:
            field_dict["name"] = name
        if credits_ is not UNSET:
            field_dict["credits"] = credits_
        if subscription is not UNSET:
            field_dict["subscription"] = subscription
        if created_at is not UNSET:
            field_dict["createdAt"] = created_at

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        id = d.pop("id")

        email = d.pop("email")

        name = d.pop("name", UNSET)

        credits_ = d.pop("credits", UNSET)

        _subscription = d.pop("subscription", UNSET)
        subscription: UserSubscription | Unset
        if isinstance(_subscription, Unset):
            subscription = UNSET
        else:
            subscription = UserSubscription(_subscription)

        _created_at = d.pop("createdAt", UNSET)
        created_at: datetime.datetime | Unset
        if isinstance(_created_at, Unset):
            created_at = UNSET
        else:
            created_at = datetime.datetime.fromisoformat(_created_at)

        user = cls(
            id=id,
            email=email,
            name=name,
            credits_=credits_,
            subscription=subscription,
            created_at=created_at,
        )

        user.additional_properties = d
        return user

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
