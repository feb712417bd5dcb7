"""What the try-on service and its workers read from their environment, beside the settings every service has."""

import os
from typing import Annotated

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from services.kit.settings import ServiceSettings
from services.tryon.engines.settings import (
    EngineSettings,
    FalSettings,
    FashnSettings,
    FashnVtonSettings,
    ReplicateSettings,
    VertexSettings,
)
from services.tryon.engines.signatures import ReplicateSender

OUTSIDE = ("fashn", "fal", "replicate", "vertex", "fashn_vton")
"""The engines that are not our own local one."""


class Settings(ServiceSettings):
    """Settings of the try-on service."""

    auth_address: str = "127.0.0.1:50051"
    media_address: str = "127.0.0.1:50052"
    billing_address: str = "127.0.0.1:50054"
    model_dir: str = ".cache/models"
    """Where the local engine's models are."""
    local_workers: int = Field(default_factory=lambda: max(1, (os.cpu_count() or 1) // 2), ge=1)
    """Pictures the local engine makes at once, each in a process of its own: by default one for every two cores."""
    local_threads: int = Field(default=2, ge=1)
    """Threads of each of those processes."""
    engine_timeout_seconds: float = Field(default=50, gt=0)
    """How long an engine may take for one picture."""
    generate_timeout_seconds: float = Field(default=60, gt=0)
    """How long a request waits for its picture before it is answered 202."""
    max_queue: int = Field(default=500, ge=1)
    """Unfinished jobs beyond which new ones are refused for the moment."""
    running_per_user: int = Field(default=2, ge=1)
    """Jobs of one user that are worked on at a time; the others wait."""
    pre_check: bool = True
    """Whether images are looked at before a credit is set aside for them."""
    check_seconds: float = Field(default=15, gt=0)
    """How long looking at them may take, before the engine is left to find out."""
    engines: Annotated[list[str], NoDecode] = Field(default=["local"])
    """The engines to try, in this order, with commas between them. The API's side needs the names only."""
    provider_webhook_url: str = ""
    """Where providers reach the gateway, `https://…`, to say that a run has ended. Empty: they are asked often."""
    replicate_webhook_secret: SecretStr = SecretStr("")
    """What Replicate signs with, `whsec_…`."""
    fal_webhook_keys_url: str = "https://rest.fal.ai/.well-known/jwks.json"
    """The public keys that fal signs with."""
    hold_seconds: int = Field(default=3600, ge=60)
    """How long a job's credit stays set aside, at most."""
    max_attempts: int = Field(default=5, ge=1)
    """How often a job is begun, when workers die over it, before it fails."""
    keep_jobs_days: int = Field(default=90, ge=1)
    """How long finished jobs are shown. Their pictures stay until they are deleted."""
    sweep_schedule: str = "* * * * *"
    """When jobs are ended whose request died, as cron has it."""
    prune_schedule: str = "23 * * * *"
    """When old jobs are deleted."""

    @field_validator("engines", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return [name.strip() for name in value.split(",") if name.strip()] if isinstance(value, str) else value

    @field_validator("engines")
    @classmethod
    def _known(cls, names: list[str]) -> list[str]:
        if not names or len(set(names)) != len(names):
            raise ValueError("must name at least one engine, and each only once")
        for name in names:
            if name not in (*OUTSIDE, "local"):
                raise ValueError(f"names {name}, which is none of local, {', '.join(OUTSIDE)}")
        return names

    @field_validator("replicate_webhook_secret")
    @classmethod
    def _a_secret(cls, secret: SecretStr) -> SecretStr:
        ReplicateSender(secret.get_secret_value())
        return secret

    @model_validator(mode="after")
    def _webhooks_are_safe(self) -> "Settings":
        for name in ("provider_webhook_url", "fal_webhook_keys_url"):
            value: str = getattr(self, name)
            allowed = ("https://",) if self.environment == "production" else ("https://", "http://")
            if value and not value.startswith(allowed):
                raise ValueError(f"{name.upper()} must be an {allowed[0]} address")
        return self

    def webhook_url(self, engine: str) -> str:
        """Where a provider is to say that a run of the engine has ended; empty: nowhere."""
        base = self.provider_webhook_url.rstrip("/")
        return f"{base}/api/tryon/webhooks/{engine}" if base else ""


class WorkerSettings(Settings):
    """What the workers read beside it: the engines, and what each of them needs."""

    # FASHN_API_KEY is the api_key of fashn: only the first underscore after the engine's name parts.
    model_config = SettingsConfigDict(env_nested_delimiter="_", env_nested_max_split=1)

    fashn: FashnSettings = FashnSettings()
    fal: FalSettings = FalSettings()
    replicate: ReplicateSettings = ReplicateSettings()
    vertex: VertexSettings = VertexSettings()
    fashn_vton: FashnVtonSettings = FashnVtonSettings()

    @model_validator(mode="after")
    def _usable(self) -> "WorkerSettings":
        for name in self.engines:
            if name in OUTSIDE:
                self._check(name)
        return self

    def _check(self, name: str) -> None:
        own = self.outside(name)
        if missing := own.missing():
            raise ValueError(f"ENGINES names {name}, which needs {name.upper()}_{missing.upper()}")
        base = str(getattr(own, "api_base", ""))
        if name == "replicate" and self.provider_webhook_url and not self.replicate_webhook_secret.get_secret_value():
            raise ValueError("PROVIDER_WEBHOOK_URL with replicate in ENGINES needs REPLICATE_WEBHOOK_SECRET")
        if self.environment == "production" and base and not base.startswith("https://"):
            raise ValueError(f"{name.upper()}_API_BASE must be an https:// address in production")

    def outside(self, name: str) -> EngineSettings:
        """The settings of an engine that is not the local one."""
        found: EngineSettings = getattr(self, name)
        return found
