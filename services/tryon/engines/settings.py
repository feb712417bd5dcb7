"""What each engine is configured with. A setting `api_key` of `fashn` is read from FASHN_API_KEY, and so on."""

from pydantic import BaseModel, Field, SecretStr

from services.tryon.engines.chain import Limits
from services.tryon.engines.replicate import VERSION


class EngineSettings(BaseModel):
    """What every engine outside this machine has."""

    timeout_seconds: float = Field(default=40, gt=0)
    """How long it may take for one picture."""
    concurrency: int = Field(default=5, ge=1)
    """Pictures at once, in each worker."""
    daily_budget: int = Field(default=0, ge=0)
    """Pictures a day (UTC) at most, all workers together; 0 is no limit."""
    cost_usd: float = Field(default=0, ge=0)
    """What you pay for a picture; it shows in the logs."""

    @property
    def limits(self) -> Limits:
        """As the chain takes them."""
        return Limits(self.timeout_seconds, self.concurrency, self.daily_budget, self.cost_usd)

    def missing(self) -> str:
        """The setting without which it cannot work, if that is empty."""
        return ""


class KeyedSettings(EngineSettings):
    """An API with a key."""

    api_base: str
    api_key: SecretStr = SecretStr("")
    poll_seconds: float = Field(default=1, gt=0)
    """How long to wait between two looks at a run."""

    def missing(self) -> str:
        """The key."""
        return "" if self.api_key.get_secret_value() else "api_key"


class FashnSettings(KeyedSettings):
    """FASHN's API."""

    api_base: str = "https://api.fashn.ai"
    moderation: str = Field(default="permissive", pattern="^(conservative|permissive|none)$")
    return_base64: bool = True
    """Results come in the answer and are never on their CDN."""


class FalSettings(KeyedSettings):
    """fal's queue."""

    api_base: str = "https://queue.fal.run"
    moderation: str = Field(default="permissive", pattern="^(conservative|permissive|none)$")
    platform_base: str = "https://api.fal.ai"
    admin_key: SecretStr = SecretStr("")
    """A key with the scope to delete runs; empty: fal is told to keep none, only its CDN has results for an hour."""


class ReplicateSettings(KeyedSettings):
    """Replicate."""

    api_base: str = "https://api.replicate.com"
    version: str = VERSION


class VertexSettings(EngineSettings):
    """Google Vertex AI."""

    api_base: str = ""
    """Empty: the location's own."""
    project: str = ""
    location: str = "us-central1"
    credentials_file: str = ""
    """A service account's key file. Empty: the credentials of the machine (Application Default Credentials)."""

    def missing(self) -> str:
        """The project."""
        return "" if self.project else "project"

    @property
    def base(self) -> str:
        """Where requests go."""
        return self.api_base or f"https://{self.location}-aiplatform.googleapis.com"


class FashnVtonSettings(EngineSettings):
    """The model on our own GPU."""

    weights_dir: str = ""
    device: str = "cuda"
    concurrency: int = Field(default=1, ge=1, le=1)

    def missing(self) -> str:
        """The weights."""
        return "" if self.weights_dir else "weights_dir"
