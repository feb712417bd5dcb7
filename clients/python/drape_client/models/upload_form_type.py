from enum import StrEnum


class UploadFormType(StrEnum):
    OUTFIT = "outfit"
    USER = "user"

    def __str__(self) -> str:
        return str(self.value)
