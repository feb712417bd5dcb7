from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, BinaryIO, TextIO, TYPE_CHECKING, Generator

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

from ..models.job_error_field import JobErrorField
from ..types import UNSET, Unset
from typing import cast


T = TypeVar("T", bound="JobError")


@_attrs_define
class JobError:
    """
    Attributes:
        reason (str): UPPER_SNAKE, as in the details of an error answer.
        message (str): A sentence to show to a person.
        box (list[float]): Where in that image, if it can be said: left, top, right, bottom, each 0 to 1.
        field (JobErrorField | Unset): The field that named the image that is the cause: personImageId or outfitImageId.
    """

    reason: str
    message: str
    box: list[float]
    field: JobErrorField | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        reason = self.reason

        message = self.message

        box = self.box

        field: str | Unset = UNSET
        if not isinstance(self.field, Unset):
            field = self.field.value

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "reason": reason,
                "message": message,
                "box": box,
            }
        )
        if field is not UNSET:
            field_dict["field"] = field

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        reason = d.pop("reason")

        message = d.pop("message")

        box = cast(list[float], d.pop("box"))

        _field = d.pop("field", UNSET)
        field: JobErrorField | Unset
        if isinstance(_field, Unset):
            field = UNSET
        else:
            field = JobErrorField(_field)

        job_error = cls(
            reason=reason,
            message=message,
            box=box,
            field=field,
        )

        job_error.additional_properties = d
        return job_error

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
