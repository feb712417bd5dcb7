from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, BinaryIO, TextIO, TYPE_CHECKING, Generator

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

from ..models.job_stage import JobStage
from ..models.job_status import JobStatus
from ..types import UNSET, Unset
from typing import cast
import datetime

if TYPE_CHECKING:
    from ..models.generated_image import GeneratedImage
    from ..models.job_error import JobError


T = TypeVar("T", bound="Job")


@_attrs_define
class Job:
    """
    Attributes:
        id (str):
        status (JobStatus): queued, running, succeeded, failed or canceled.
        stage (JobStage): queued, preparing, generating, storing or done.
        progress (int): 0 to 100.
        engine (str): The engine that made, or is making, the picture. Empty until one has begun.
        person_image_id (str):
        outfit_image_id (str):
        created_at (datetime.datetime):
        image (GeneratedImage | Unset):
        error (JobError | Unset):
        finished_at (datetime.datetime | Unset):
        queue_position (int | Unset): While it is queued: how many jobs are before it.
        score (float | Unset): How good the engine that made the picture found it, 0 to 1. Left out by engines that do
            not say.
    """

    id: str
    status: JobStatus
    stage: JobStage
    progress: int
    engine: str
    person_image_id: str
    outfit_image_id: str
    created_at: datetime.datetime
    image: GeneratedImage | Unset = UNSET
    error: JobError | Unset = UNSET
    finished_at: datetime.datetime | Unset = UNSET
    queue_position: int | Unset = UNSET
    score: float | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.generated_image import GeneratedImage  # noqa: PLC0415
        from ..models.job_error import JobError  # noqa: PLC0415

        id = self.id

        status = self.status.value

        stage = self.stage.value

        progress = self.progress

        engine = self.engine

        person_image_id = self.person_image_id

        outfit_image_id = self.outfit_image_id

        created_at = self.created_at.isoformat()

        image: dict[str, Any] | Unset = UNSET
        if not isinstance(self.image, Unset):
            image = self.image.to_dict()

        error: dict[str, Any] | Unset = UNSET
        if not isinstance(self.error, Unset):
            error = self.error.to_dict()

        finished_at: str | Unset = UNSET
        if not isinstance(self.finished_at, Unset):
            finished_at = self.finished_at.isoformat()

        queue_position = self.queue_position

        score = self.score

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "status": status,
                "stage": stage,
                "progress": progress,
                "engine": engine,
                "personImageId": person_image_id,
                "outfitImageId": outfit_image_id,
                "createdAt": created_at,
            }
        )
        if image is not UNSET:
            field_dict["image"] = image
        if error is not UNSET:
            field_dict["error"] = error
        if finished_at is not UNSET:
            field_dict["finishedAt"] = finished_at
        if queue_position is not UNSET:
            field_dict["queuePosition"] = queue_position
        if score is not UNSET:
            field_dict["score"] = score

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.generated_image import GeneratedImage  # noqa: PLC0415
        from ..models.job_error import JobError  # noqa: PLC0415

        d = dict(src_dict)
        id = d.pop("id")

        status = JobStatus(d.pop("status"))

        stage = JobStage(d.pop("stage"))

        progress = d.pop("progress")

        engine = d.pop("engine")

        person_image_id = d.pop("personImageId")

        outfit_image_id = d.pop("outfitImageId")

        created_at = datetime.datetime.fromisoformat(d.pop("createdAt"))

        _image = d.pop("image", UNSET)
        image: GeneratedImage | Unset
        if isinstance(_image, Unset):
            image = UNSET
        else:
            image = GeneratedImage.from_dict(_image)

        _error = d.pop("error", UNSET)
        error: JobError | Unset
        if isinstance(_error, Unset):
            error = UNSET
        else:
            error = JobError.from_dict(_error)

        _finished_at = d.pop("finishedAt", UNSET)
        finished_at: datetime.datetime | Unset
        if isinstance(_finished_at, Unset):
            finished_at = UNSET
        else:
            finished_at = datetime.datetime.fromisoformat(_finished_at)

        queue_position = d.pop("queuePosition", UNSET)

        score = d.pop("score", UNSET)

        job = cls(
            id=id,
            status=status,
            stage=stage,
            progress=progress,
            engine=engine,
            person_image_id=person_image_id,
            outfit_image_id=outfit_image_id,
            created_at=created_at,
            image=image,
            error=error,
            finished_at=finished_at,
            queue_position=queue_position,
            score=score,
        )

        job.additional_properties = d
        return job

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
