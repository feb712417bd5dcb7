from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, BinaryIO, TextIO, TYPE_CHECKING, Generator

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

from ..models.problem_field import ProblemField
from typing import cast


T = TypeVar("T", bound="Problem")


@_attrs_define
class Problem:
    """
    Attributes:
        field (ProblemField): The field that named the image: personImageId or outfitImageId.
        reason (str): UPPER_SNAKE.
        message (str): What is wrong and how to mend it, to show to a person.
        box (list[float]): Where in the picture, if it can be said: left, top, right, bottom, each 0 to 1.
    """

    field: ProblemField
    reason: str
    message: str
    box: list[float]
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        field = self.field.value

        reason = self.reason

        message = self.message

        box = self.box

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "field": field,
                "reason": reason,
                "message": message,
                "box": box,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        field = ProblemField(d.pop("field"))

        reason = d.pop("reason")

        message = d.pop("message")

        box = cast(list[float], d.pop("box"))

        problem = cls(
            field=field,
            reason=reason,
            message=message,
            box=box,
        )

        problem.additional_properties = d
        return problem

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
