from enum import StrEnum


class CreateCheckoutRequestType(StrEnum):
    CREDITS = "credits"
    SUBSCRIPTION = "subscription"

    def __str__(self) -> str:
        return str(self.value)
