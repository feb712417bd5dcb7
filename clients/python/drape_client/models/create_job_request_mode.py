from enum import StrEnum


class CreateJobRequestMode(StrEnum):
    BALANCED = "balanced"
    FAST = "fast"
    QUALITY = "quality"

    def __str__(self) -> str:
        return str(self.value)
