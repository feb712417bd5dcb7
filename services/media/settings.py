"""What the media service reads from its environment, beside the settings every service has."""

import os
from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator

from services.kit.settings import DatabaseSettings, ServiceSettings


class StoreSettings(DatabaseSettings):
    """Where rows and bytes are: all that the audit needs."""

    blob_store: Literal["", "disk", "cloudinary", "s3"] = ""
    """Where new pictures go. Empty: S3 if it is configured, else Cloudinary if it is, else the disk."""
    cloudinary_url: SecretStr = SecretStr("")
    """cloudinary://key:secret@cloud."""
    cloudinary_upload_prefix: str = ""
    """Where Cloudinary's API is; empty is Cloudinary itself, anything else a stand-in."""
    cloudinary_renditions: bool = False
    """Whether Cloudinary makes the smaller copies of what it keeps; each counts as a transformation of the account."""
    s3_bucket: str = ""
    s3_endpoint_url: str = ""
    """Of MinIO, R2, Google Cloud Storage …; empty is AWS."""
    s3_region: str = ""
    s3_access_key_id: str = ""
    s3_secret_access_key: SecretStr = SecretStr("")
    """Without a key, the machine's own role is used."""
    s3_prefix: str = ""
    """What the keys of all objects begin with, where several systems share a bucket."""

    @model_validator(mode="after")
    def _store_is_configured(self) -> Self:
        configured = {"": True, "disk": True, "cloudinary": bool(self.cloudinary_url.get_secret_value())}
        if not configured.get(self.blob_store, bool(self.s3_bucket)):
            raise ValueError(f"BLOB_STORE is {self.blob_store}, which is not configured")
        return self


class Settings(StoreSettings, ServiceSettings):
    """Settings of the media service."""

    auth_address: str = "127.0.0.1:50051"
    url_secret: SecretStr
    """Secret under which the URLs of images are signed."""
    url_days: int = Field(default=7, ge=1)
    """How long an image's URL works, at least."""
    retention_schedule: str = "41 * * * *"
    """When images are deleted whose users wanted them kept so long and no longer, as cron has it."""
    max_upload_bytes: int = Field(default=5 * 1024 * 1024, ge=1024)

    quota_images: int = Field(default=1000, ge=1)
    """How many images a user may have."""
    quota_bytes: int = Field(default=1024**3, ge=1024)
    """How many bytes a user's images may take up."""

    picture_workers: int = Field(default=min(4, os.cpu_count() or 1), ge=1)
    """Processes that read and write pictures."""
    picture_seconds: float = Field(default=30, gt=0)
    """How long one picture may take."""
    picture_memory_mb: int = Field(default=1024, ge=256)
    """How much memory one picture may take."""
    picture_queue: int = Field(default=128, ge=1)
    """How many pictures may wait; what comes beyond is told to come again."""
