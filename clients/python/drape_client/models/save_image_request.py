from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, BinaryIO, TextIO, TYPE_CHECKING, Generator

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

from ..types import UNSET, Unset
from typing import cast

if TYPE_CHECKING:
    from ..models.save_image_request_metadata import SaveImageRequestMetadata


T = TypeVar("T", bound="SaveImageRequest")


@_attrs_define
class SaveImageRequest:
    """
    Attributes:
        url (str):
        cloudinary_id (str | Unset):
        metadata (SaveImageRequestMetadata | Unset):
    """

    url: str
    cloudinary_id: str | Unset = UNSET
    metadata: SaveImageRequestMetadata | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.save_image_request_metadata import SaveImageRequestMetadata  # noqa: PLC0415

        url = self.url

        cloudinary_id = self.cloudinary_id

        metadata: dict[str, Any] | Unset = UNSET
        if not isinstance(self.metadata, Unset):
            metadata = self.metadata.to_dict()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "url": url,
            }
        )
        if cloudinary_id is not UNSET:
            field_dict["cloudinaryId"] = cloudinary_id
        if metadata is not UNSET:
            field_dict["metadata"] = metadata

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.save_image_request_metadata import SaveImageRequestMetadata  # noqa: PLC0415

        d = dict(src_dict)
        url = d.pop("url")

        cloudinary_id = d.pop("cloudinaryId", UNSET)

        _metadata = d.pop("metadata", UNSET)
        metadata: SaveImageRequestMetadata | Unset
        if isinstance(_metadata, Unset):
            metadata = UNSET
        else:
            metadata = SaveImageRequestMetadata.from_dict(_metadata)

        save_image_request = cls(
            url=url,
            cloudinary_id=cloudinary_id,
            metadata=metadata,
        )

        save_image_request.additional_properties = d
        return save_image_request

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
