from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, BinaryIO, TextIO, TYPE_CHECKING, Generator

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

from ..models.create_job_request_category import CreateJobRequestCategory
from ..models.create_job_request_garment_photo_type import (
    CreateJobRequestGarmentPhotoType,
)
from ..models.create_job_request_mode import CreateJobRequestMode
from ..models.create_job_request_output_format import CreateJobRequestOutputFormat
from ..types import UNSET, Unset


T = TypeVar("T", bound="CreateJobRequest")


@_attrs_define
class CreateJobRequest:
    """What a try-on is made of, and how it should be made.

    Attributes:
        person_image_id (str): An image of the caller, of type user.
        outfit_image_id (str): An image of the caller, of type outfit.
        category (CreateJobRequestCategory | Unset): auto (default), tops, bottoms or onePieces.
        garment_photo_type (CreateJobRequestGarmentPhotoType | Unset): auto (default), flatLay or model.
        mode (CreateJobRequestMode | Unset): fast, balanced (default) or quality.
        seed (int | Unset): The same seed gives the same picture where the engine allows it.
        output_format (CreateJobRequestOutputFormat | Unset): jpeg (default), png or webp.
    """

    person_image_id: str
    outfit_image_id: str
    category: CreateJobRequestCategory | Unset = UNSET
    garment_photo_type: CreateJobRequestGarmentPhotoType | Unset = UNSET
    mode: CreateJobRequestMode | Unset = UNSET
    seed: int | Unset = UNSET
    output_format: CreateJobRequestOutputFormat | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        person_image_id = self.person_image_id

        outfit_image_id = self.outfit_image_id

        category: str | Unset = UNSET
        if not isinstance(self.category, Unset):
            category = self.category.value

        garment_photo_type: str | Unset = UNSET
        if not isinstance(self.garment_photo_type, Unset):
            garment_photo_type = self.garment_photo_type.value

        mode: str | Unset = UNSET
        if not isinstance(self.mode, Unset):
            mode = self.mode.value

        seed = self.seed

        output_format: str | Unset = UNSET
        if not isinstance(self.output_format, Unset):
            output_format = self.output_format.value

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "personImageId": person_image_id,
                "outfitImageId": outfit_image_id,
            }
        )
        if category is not UNSET:
            field_dict["category"] = category
        if garment_photo_type is not UNSET:
            field_dict["garmentPhotoType"] = garment_photo_type
        if mode is not UNSET:
            field_dict["mode"] = mode
        if seed is not UNSET:
            field_dict["seed"] = seed
        if output_format is not UNSET:
            field_dict["outputFormat"] = output_format

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        person_image_id = d.pop("personImageId")

        outfit_image_id = d.pop("outfitImageId")

        _category = d.pop("category", UNSET)
        category: CreateJobRequestCategory | Unset
        if isinstance(_category, Unset):
            category = UNSET
        else:
            category = CreateJobRequestCategory(_category)

        _garment_photo_type = d.pop("garmentPhotoType", UNSET)
        garment_photo_type: CreateJobRequestGarmentPhotoType | Unset
        if isinstance(_garment_photo_type, Unset):
            garment_photo_type = UNSET
        else:
            garment_photo_type = CreateJobRequestGarmentPhotoType(_garment_photo_type)

        _mode = d.pop("mode", UNSET)
        mode: CreateJobRequestMode | Unset
        if isinstance(_mode, Unset):
            mode = UNSET
        else:
            mode = CreateJobRequestMode(_mode)

        seed = d.pop("seed", UNSET)

        _output_format = d.pop("outputFormat", UNSET)
        output_format: CreateJobRequestOutputFormat | Unset
        if isinstance(_output_format, Unset):
            output_format = UNSET
        else:
            output_format = CreateJobRequestOutputFormat(_output_format)

        create_job_request = cls(
            person_image_id=person_image_id,
            outfit_image_id=outfit_image_id,
            category=category,
            garment_photo_type=garment_photo_type,
            mode=mode,
            seed=seed,
            output_format=output_format,
        )

        create_job_request.additional_properties = d
        return create_job_request

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
