from enum import StrEnum


class TransactionType(StrEnum):
    CREDIT_PURCHASE = "credit_purchase"
    SPENDING = "spending"
    SUBSCRIPTION = "subscription"

    def __str__(self) -> str:
        return str(self.value)
