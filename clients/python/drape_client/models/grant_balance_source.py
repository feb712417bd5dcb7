from enum import StrEnum


class GrantBalanceSource(StrEnum):
    ADJUSTMENT = "adjustment"
    PROMOTION = "promotion"
    PURCHASE = "purchase"
    SIGNUP = "signup"
    SUBSCRIPTION = "subscription"

    def __str__(self) -> str:
        return str(self.value)
