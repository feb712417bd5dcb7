from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, BinaryIO, TextIO, TYPE_CHECKING, Generator

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

from ..types import UNSET, Unset
from typing import cast

if TYPE_CHECKING:
    from ..models.generated_image import GeneratedImage
    from ..models.job import Job


T = TypeVar("T", bound="GenerateResponse")


@_attrs_define
class GenerateResponse:
    """
    Attributes:
        message (str):
        credits_remaining (int):
        job (Job):
        image (GeneratedImage | Unset):
    """

    message: str
    credits_remaining: int
    job: Job
    image: GeneratedImage | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.generated_image import GeneratedImage  # noqa: PLC0415
        from ..models.job import Job  # noqa: PLC0415

        message = self.message

        credits_remaining = self.credits_remaining

        job = self.job.to_dict()

        image: dict[str, Any] | Unset = UNSET
        if not isinstance(self.image, Unset):
            image = self.image.to_dict()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "message": message,
                "creditsRemaining": credits_remaining,
                "job": job,
            }
        )
        if image is not UNSET:
            field_dict["image"] = image

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.generated_image import GeneratedImage  # noqa: PLC0415
        from ..models.job import Job  # noqa: PLC0415

        d = dict(src_dict)
        message = d.pop("message")

        credits_remaining = d.pop("creditsRemaining")

        job = Job.from_dict(d.pop("job"))

        _image = d.pop("image", UNSET)
        image: GeneratedImage | Unset
        if isinstance(_image, Unset):
            image = UNSET
        else:
            image = GeneratedImage.from_dict(_image)

        generate_response = cls(
            message=message,
            credits_remaining=credits_remaining,
            job=job,
            image=image,
        )

        generate_response.additional_properties = d
        return generate_response

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
