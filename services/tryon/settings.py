"""What the try-on service and its workers read from their environment, beside the settings every service has."""

from pydantic import Field

from services.kit.settings import ServiceSettings


class Settings(ServiceSettings):
    """Settings of the try-on service."""

    auth_address: str = "127.0.0.1:50051"
    media_address: str = "127.0.0.1:50052"
    billing_address: str = "127.0.0.1:50054"
    model_dir: str = ".cache/models"
    """Where the local engine's models are."""
    local_workers: int = Field(default=1, ge=1)
    """Pictures the local engine makes at once, each in a process of its own."""
    local_threads: int = Field(default=2, ge=1)
    """Threads of each of those processes."""
    engine_timeout_seconds: float = Field(default=50, gt=0)
    """How long an engine may take for one picture."""
    generate_timeout_seconds: float = Field(default=60, gt=0)
    """How long a request waits for its picture before it is answered 202."""
    max_queue: int = Field(default=500, ge=1)
    """Unfinished jobs beyond which new ones are refused for the moment."""
    hold_seconds: int = Field(default=3600, ge=60)
    """How long a job's credit stays set aside, at most."""
    max_attempts: int = Field(default=5, ge=1)
    """How often a job is begun, when workers die over it, before it fails."""
