from enum import StrEnum


class GenerateRequestMode(StrEnum):
    BALANCED = "balanced"
    FAST = "fast"
    QUALITY = "quality"

    def __str__(self) -> str:
        return str(self.value)
