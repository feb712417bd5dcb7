from enum import StrEnum


class UserSubscription(StrEnum):
    BASIC = "BASIC"
    FREE = "FREE"
    PREMIUM = "PREMIUM"

    def __str__(self) -> str:
        return str(self.value)
