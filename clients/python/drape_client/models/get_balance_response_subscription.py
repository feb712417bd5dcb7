from enum import StrEnum


class GetBalanceResponseSubscription(StrEnum):
    BASIC = "BASIC"
    FREE = "FREE"
    PREMIUM = "PREMIUM"

    def __str__(self) -> str:
        return str(self.value)
