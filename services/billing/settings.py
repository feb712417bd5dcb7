"""What the billing service reads from its environment, beside the settings every service has."""

from typing import Self

from pydantic import Field, SecretStr, model_validator

from services.kit.settings import ServiceSettings


class Settings(ServiceSettings):
    """Settings of the billing service."""

    auth_address: str = "127.0.0.1:50051"
    stripe_secret_key: SecretStr
    stripe_webhook_secret: SecretStr
    stripe_api_base: str = ""
    """Where Stripe's API is; empty is Stripe itself, anything else a stand-in."""
    stripe_timeout_seconds: float = Field(default=10, gt=0)
    reconcile_schedule: str = "17 * * * *"
    """When Stripe is compared with the ledger, as a cron expression."""
    audit_schedule: str = "*/10 * * * *"
    """When every invariant of the ledger is checked, as a cron expression."""

    @model_validator(mode="after")
    def _secrets_are_not_empty(self) -> Self:
        if not self.stripe_secret_key.get_secret_value() or not self.stripe_webhook_secret.get_secret_value():
            raise ValueError("STRIPE_SECRET_KEY and STRIPE_WEBHOOK_SECRET must not be empty")
        return self
