from enum import StrEnum


class JobStage(StrEnum):
    DONE = "done"
    GENERATING = "generating"
    PREPARING = "preparing"
    QUEUED = "queued"
    STORING = "storing"

    def __str__(self) -> str:
        return str(self.value)
