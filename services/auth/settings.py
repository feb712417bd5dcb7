"""What the auth service reads from its environment, beside the settings every service has."""

from typing import Literal

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
    """Secret from which each refresh token's successor is derived, and the tokens of mailed links."""
    key_encryption_secret: SecretStr
    """Secret under which the signing keys lie in the database."""
    bcrypt_cost: int = Field(default=12, ge=4, le=16)
    """Logarithm of the rounds of a password hash."""
    access_token_seconds: int = Field(default=900, ge=1)
    session_idle_days: int = Field(default=7, ge=1)
    session_absolute_days: int = Field(default=30, ge=1)
    refresh_grace_seconds: int = Field(default=30, ge=0)
    """How long the parent of a refresh token still gives the same child: browsers send requests side by side."""
    key_rotation_days: int = Field(default=30, ge=1)
    key_lead_seconds: int = Field(default=300, ge=0)
    """How long a new key is published before it signs; more than the gateway keeps the keys (JWKS_SECONDS)."""
    throttle: Literal["on", "off"] = "on"
    """Pauses between guesses; off for benchmarks."""
    throttle_account_free: int = Field(default=5, ge=1)
    """Wrong passwords of one account before the first pause."""
    throttle_address_free: int = Field(default=100, ge=1)
    """Wrong passwords from one address before the first pause: many people may share one."""
    throttle_first_seconds: float = Field(default=1, gt=0)
    """The first pause; each one is twice as long as the one before."""
    throttle_longest_seconds: float = Field(default=900, gt=0)
    smtp_url: SecretStr = SecretStr("smtp://127.0.0.1:2525")
    """smtp://user:password@host:port (with STARTTLS) or smtps://…; unset, the inbox of sandbox/mail."""
    mail_from: str = "Drape <no-reply@drape.test>"
    verify_hours: int = Field(default=24, ge=1)
    """How long a link that confirms an address works."""
    reset_minutes: int = Field(default=30, ge=1)
    """How long a link to choose a new password works."""
    audit_days: int = Field(default=180, ge=1)
    """How long the audit log is kept."""
