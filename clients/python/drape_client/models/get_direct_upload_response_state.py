from enum import StrEnum


class GetDirectUploadResponseState(StrEnum):
    ARRIVED = "arrived"
    REFUSED = "refused"
    STORED = "stored"
    WAITING = "waiting"

    def __str__(self) -> str:
        return str(self.value)
