from enum import StrEnum


class ProblemField(StrEnum):
    OUTFITIMAGEID = "outfitImageId"
    PERSONIMAGEID = "personImageId"

    def __str__(self) -> str:
        return str(self.value)
