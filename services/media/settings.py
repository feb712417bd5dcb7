"""What the media service reads from its environment, beside the settings every service has."""

from pydantic import Field, SecretStr

from services.kit.settings import ServiceSettings


class Settings(ServiceSettings):
    """Settings of the media service."""

    auth_address: str = "127.0.0.1:50051"
    url_secret: SecretStr
    """Secret under which the URLs of images are signed."""
    url_days: int = Field(default=7, ge=1)
    """How long an image's URL works, at least."""
    max_upload_bytes: int = Field(default=5 * 1024 * 1024, ge=1024)
    cloudinary_url: SecretStr = SecretStr("")
    """cloudinary://key:secret@cloud keeps pictures at Cloudinary. Empty: on disk under `data_dir`/blobs."""
    cloudinary_upload_prefix: str = ""
    """Where Cloudinary's API is; empty is Cloudinary itself, anything else a stand-in."""
