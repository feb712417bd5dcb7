from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, BinaryIO, TextIO, TYPE_CHECKING, Generator

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

from ..models.image_type import ImageType
from ..types import UNSET, Unset
from typing import cast
import datetime

if TYPE_CHECKING:
    from ..models.image_metadata import ImageMetadata


T = TypeVar("T", bound="Image")


@_attrs_define
class Image:
    """
    Attributes:
        id (str):
        user_id (str):
        type_ (ImageType): user, outfit or generated.
        url (str): Absolute and signed; shows in an <img> on any page.
        metadata (ImageMetadata):
        created_at (datetime.datetime):
        width (int): In pixels.
        height (int): In pixels.
        size (int): In bytes.
        content_type (str): Media type, such as image/jpeg.
        sha256 (str): Of the bytes, in hex.
        blurhash (str): A few dozen characters that stand for the picture while it loads (https://blurha.sh).
        cloudinary_id (str | Unset): The name of the picture at the store that keeps it.
    """

    id: str
    user_id: str
    type_: ImageType
    url: str
    metadata: ImageMetadata
    created_at: datetime.datetime
    width: int
    height: int
    size: int
    content_type: str
    sha256: str
    blurhash: str
    cloudinary_id: str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.image_metadata import ImageMetadata  # noqa: PLC0415

        id = self.id

        user_id = self.user_id

        type_ = self.type_.value

        url = self.url

        metadata = self.metadata.to_dict()

        created_at = self.created_at.isoformat()

        width = self.width

        height = self.height

        size = self.size

        content_type = self.content_type

        sha256 = self.sha256

        blurhash = self.blurhash

        cloudinary_id = self.cloudinary_id

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "userId": user_id,
                "type": type_,
                "url": url,
                "metadata": metadata,
                "createdAt": created_at,
                "width": width,
                "height": height,
                "size": size,
                "contentType": content_type,
                "sha256": sha256,
                "blurhash": blurhash,
            }
        )
        if cloudinary_id is not UNSET:
            field_dict["cloudinaryId"] = cloudinary_id

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.image_metadata import ImageMetadata  # noqa: PLC0415

        d = dict(src_dict)
        id = d.pop("id")

        user_id = d.pop("userId")

        type_ = ImageType(d.pop("type"))

        url = d.pop("url")

        metadata = ImageMetadata.from_dict(d.pop("metadata"))

        created_at = datetime.datetime.fromisoformat(d.pop("createdAt"))

        width = d.pop("width")

        height = d.pop("height")

        size = d.pop("size")

        content_type = d.pop("contentType")

        sha256 = d.pop("sha256")

        blurhash = d.pop("blurhash")

        cloudinary_id = d.pop("cloudinaryId", UNSET)

        image = cls(
            id=id,
            user_id=user_id,
            type_=type_,
            url=url,
            metadata=metadata,
            created_at=created_at,
            width=width,
            height=height,
            size=size,
            content_type=content_type,
            sha256=sha256,
            blurhash=blurhash,
            cloudinary_id=cloudinary_id,
        )

        image.additional_properties = d
        return image

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
