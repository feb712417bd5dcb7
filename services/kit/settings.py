"""What every service reads from its environment. A service adds its own fields in its `settings.py`."""

import sys
from pathlib import Path
from typing import Literal, Self, TypeVar

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from services.kit.tls import Tls


class DatabaseSettings(BaseSettings):
    """What it takes to migrate a service's database. Names of variables are the fields' in upper case."""

    model_config = SettingsConfigDict(extra="ignore")

    database_url: str = ""
    """postgresql://… of this service's own database. Empty: an embedded server under `data_dir`."""
    data_dir: str = ".data"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"


class ServiceSettings(DatabaseSettings):
    """Settings of one process."""

    environment: Literal["local", "production"] = "production"
    listen: str = "127.0.0.1:0"
    health_listen: str = ""
    """A second address, which answers health checks only and without TLS: those who probe have no certificate."""
    tls_cert_file: str = ""
    """This process's certificate, with `tls_key_file` and the authority's in `tls_ca_file`: mutual TLS with the other
    services and the gateway. All empty: no TLS."""
    tls_key_file: str = ""
    tls_ca_file: str = ""
    database_pool: int = Field(default=10, ge=1)
    public_url: str = "http://localhost:8080"
    """Where browsers reach the gateway."""
    frontend_url: str = "http://localhost:3000"
    token_issuer: str = "drape"  # noqa: S105 - a name, not a secret
    service_private_key: SecretStr
    """This service's Ed25519 key for the tokens it shows to others: 32 bytes, base64url."""
    service_public_keys: dict[str, str]
    """Every service's name and Ed25519 public key, 32 bytes, base64url, as a JSON object. Several keys of one service
    have commas between them: the old one and the new, while it is exchanged."""
    drain_seconds: float = Field(default=20, gt=0)
    """How long requests under way may take after SIGTERM."""
    drape_failpoint: str = ""
    """Where the process is to die, in tests: see failpoints.py."""

    @field_validator("drape_failpoint")
    @classmethod
    def _only_in_tests(cls, value: str, info: ValidationInfo) -> str:
        if value and info.data.get("environment") != "local":
            raise ValueError("a process in production is not told to die")
        return value

    @model_validator(mode="after")
    def _tls_is_whole(self) -> Self:
        if len({bool(self.tls_cert_file), bool(self.tls_key_file), bool(self.tls_ca_file)}) > 1:
            raise ValueError("TLS_CERT_FILE, TLS_KEY_FILE and TLS_CA_FILE must be set together")
        return self

    @property
    def tls(self) -> Tls | None:
        """What proves who this process is to the others, and they to it."""
        if not self.tls_cert_file:
            return None
        return Tls(Path(self.tls_cert_file), Path(self.tls_key_file), Path(self.tls_ca_file))

    @property
    def secure_cookies(self) -> bool:
        """Whether browsers reach us over HTTPS."""
        return self.public_url.startswith("https://")


SettingsT = TypeVar("SettingsT", bound=DatabaseSettings)


def load(kind: type[SettingsT]) -> SettingsT:
    """Reads the settings, or ends the program with a sentence that names each variable that is missing or wrong."""
    try:
        return kind.model_validate({})
    except ValidationError as error:
        problems = "; ".join(_told(item) for item in error.errors(include_input=False, include_url=False))
        sys.exit(f"Cannot start, the environment is not complete: {problems}")


def _told(problem: ErrorDetails) -> str:
    """`DATABASE_POOL: input should be …`; a rule about several variables names them itself."""
    name = "_".join(str(part) for part in problem["loc"]).upper()
    message = problem["msg"].removeprefix("Value error, ")
    return f"{name}: {message[0].lower()}{message[1:]}" if name else message
