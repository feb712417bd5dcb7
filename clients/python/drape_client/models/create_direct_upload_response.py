from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, BinaryIO, TextIO, TYPE_CHECKING, Generator

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

from typing import cast
import datetime

if TYPE_CHECKING:
    from ..models.create_direct_upload_response_fields import (
        CreateDirectUploadResponseFields,
    )


T = TypeVar("T", bound="CreateDirectUploadResponse")


@_attrs_define
class CreateDirectUploadResponse:
    """
    Attributes:
        id (str):
        url (str): Where the form is to be posted.
        fields (CreateDirectUploadResponseFields): Fields of the form, beside `file`.
        expires_at (datetime.datetime): Until when Cloudinary takes it.
    """

    id: str
    url: str
    fields: CreateDirectUploadResponseFields
    expires_at: datetime.datetime
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.create_direct_upload_response_fields import (
            CreateDirectUploadResponseFields,
        )  # noqa: PLC0415

        id = self.id

        url = self.url

        fields = self.fields.to_dict()

        expires_at = self.expires_at.isoformat()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "url": url,
                "fields": fields,
                "expiresAt": expires_at,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.create_direct_upload_response_fields import (
            CreateDirectUploadResponseFields,
        )  # noqa: PLC0415

        d = dict(src_dict)
        id = d.pop("id")

        url = d.pop("url")

        fields = CreateDirectUploadResponseFields.from_dict(d.pop("fields"))

        expires_at = datetime.datetime.fromisoformat(d.pop("expiresAt"))

        create_direct_upload_response = cls(
            id=id,
            url=url,
            fields=fields,
            expires_at=expires_at,
        )

        create_direct_upload_response.additional_properties = d
        return create_direct_upload_response

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
