"""What the auth service reads from its environment, beside the settings every service has."""

from pydantic import Field, SecretStr

from services.kit.settings import ServiceSettings


class Settings(ServiceSettings):
    """Settings of the auth service."""

    media_address: str = "127.0.0.1:50052"
    tryon_address: str = "127.0.0.1:50053"
    billing_address: str = "127.0.0.1:50054"
    password_pepper: SecretStr
    """Secret that password hashes depend on and the database does not hold."""
    refresh_secret: SecretStr
    """Secret from which each refresh token's successor is derived."""
    key_encryption_secret: SecretStr
    """Secret under which the signing keys lie in the database."""
    bcrypt_cost: int = Field(default=12, ge=4, le=16)
    """Logarithm of the rounds of a password hash."""
    access_token_seconds: int = Field(default=900, ge=1)
    session_idle_days: int = Field(default=7, ge=1)
    session_absolute_days: int = Field(default=30, ge=1)
    refresh_grace_seconds: int = Field(default=30, ge=0)
    """How long the parent of a refresh token still gives the same child: browsers send requests side by side."""
