from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, BinaryIO, TextIO, TYPE_CHECKING, Generator

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

from ..models.transaction_status import TransactionStatus
from ..models.transaction_type import TransactionType
from ..types import UNSET, Unset
from typing import cast
import datetime


T = TypeVar("T", bound="Transaction")


@_attrs_define
class Transaction:
    """
    Attributes:
        id (str):
        type_ (TransactionType): credit_purchase, subscription or spending.
        plan (str): The package or the plan; empty for spending.
        amount (int): In minor units of the currency: cents of US dollars. 0 for spending.
        currency (str): Three lower-case letters; empty for spending.
        credits_ (int): What came in with it; below zero for spending, and for a change to a cheaper plan.
        status (TransactionStatus): pending, completed, failed or refunded.
        amount_refunded (int): How much of the amount went back, by refund or dispute.
        created_at (datetime.datetime):
        stripe_payment_id (str | Unset): Stripe's payment intent, once there is one.
    """

    id: str
    type_: TransactionType
    plan: str
    amount: int
    currency: str
    credits_: int
    status: TransactionStatus
    amount_refunded: int
    created_at: datetime.datetime
    stripe_payment_id: str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        id = self.id

        type_ = self.type_.value

        plan = self.plan

        amount = self.amount

        currency = self.currency

        credits_ = self.credits_

        status = self.status.value

        amount_refunded = self.amount_refunded

        created_at = self.created_at.isoformat()

        stripe_payment_id = self.stripe_payment_id

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "type": type_,
                "plan": plan,
                "amount": amount,
                "currency": currency,
                "credits": credits_,
                "status": status,
                "amountRefunded": amount_refunded,
                "createdAt": created_at,
            }
        )
        if stripe_payment_id is not UNSET:
            field_dict["stripePaymentId"] = stripe_payment_id

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        id = d.pop("id")

        type_ = TransactionType(d.pop("type"))

        plan = d.pop("plan")

        amount = d.pop("amount")

        currency = d.pop("currency")

        credits_ = d.pop("credits")

        status = TransactionStatus(d.pop("status"))

        amount_refunded = d.pop("amountRefunded")

        created_at = datetime.datetime.fromisoformat(d.pop("createdAt"))

        stripe_payment_id = d.pop("stripePaymentId", UNSET)

        transaction = cls(
            id=id,
            type_=type_,
            plan=plan,
            amount=amount,
            currency=currency,
            credits_=credits_,
            status=status,
            amount_refunded=amount_refunded,
            created_at=created_at,
            stripe_payment_id=stripe_payment_id,
        )

        transaction.additional_properties = d
        return transaction

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
