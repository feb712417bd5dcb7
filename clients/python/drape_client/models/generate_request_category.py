from enum import StrEnum


class GenerateRequestCategory(StrEnum):
    AUTO = "auto"
    BOTTOMS = "bottoms"
    ONEPIECES = "onePieces"
    TOPS = "tops"

    def __str__(self) -> str:
        return str(self.value)
