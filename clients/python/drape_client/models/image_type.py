from enum import StrEnum


class ImageType(StrEnum):
    GENERATED = "generated"
    OUTFIT = "outfit"
    USER = "user"

    def __str__(self) -> str:
        return str(self.value)
