from enum import StrEnum


class DownloadImageW(StrEnum):
    VALUE_0 = "320"
    VALUE_1 = "640"
    VALUE_2 = "1280"

    def __str__(self) -> str:
        return str(self.value)
