from enum import StrEnum


class JobErrorField(StrEnum):
    OUTFITIMAGEID = "outfitImageId"
    PERSONIMAGEID = "personImageId"

    def __str__(self) -> str:
        return str(self.value)
