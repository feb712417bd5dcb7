from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, BinaryIO, TextIO, TYPE_CHECKING, Generator

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

from ..models.get_direct_upload_response_state import GetDirectUploadResponseState
from ..types import UNSET, Unset
from typing import cast

if TYPE_CHECKING:
    from ..models.image import Image


T = TypeVar("T", bound="GetDirectUploadResponse")


@_attrs_define
class GetDirectUploadResponse:
    """
    Attributes:
        id (str):
        state (GetDirectUploadResponseState): waiting, arrived, stored or refused.
        reason (str): Of a refused one: the reason that an upload's error has.
        message (str): Of a refused one: a sentence to show to a person.
        image (Image | Unset):
    """

    id: str
    state: GetDirectUploadResponseState
    reason: str
    message: str
    image: Image | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.image import Image  # noqa: PLC0415

        id = self.id

        state = self.state.value

        reason = self.reason

        message = self.message

        image: dict[str, Any] | Unset = UNSET
        if not isinstance(self.image, Unset):
            image = self.image.to_dict()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "state": state,
                "reason": reason,
                "message": message,
            }
        )
        if image is not UNSET:
            field_dict["image"] = image

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.image import Image  # noqa: PLC0415

        d = dict(src_dict)
        id = d.pop("id")

        state = GetDirectUploadResponseState(d.pop("state"))

        reason = d.pop("reason")

        message = d.pop("message")

        _image = d.pop("image", UNSET)
        image: Image | Unset
        if isinstance(_image, Unset):
            image = UNSET
        else:
            image = Image.from_dict(_image)

        get_direct_upload_response = cls(
            id=id,
            state=state,
            reason=reason,
            message=message,
            image=image,
        )

        get_direct_upload_response.additional_properties = d
        return get_direct_upload_response

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
