from enum import StrEnum


class CreateJobRequestGarmentPhotoType(StrEnum):
    AUTO = "auto"
    FLATLAY = "flatLay"
    MODEL = "model"

    def __str__(self) -> str:
        return str(self.value)
