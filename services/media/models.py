"""Tables of the media service."""

from datetime import datetime
from typing import Any

from sqlalchemy import TIMESTAMP, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

TIME: Any = TIMESTAMP(timezone=True)


class Blob(SQLModel, table=True):
    """The bytes of a picture. The row comes before the bytes and goes after them; its id is never used again."""

    __tablename__ = "blobs"

    id: str = Field(primary_key=True)
    user_id: str = Field(index=True)
    sha256: str
    blurhash: str = ""
    size: int
    """In bytes."""
    width: int
    height: int
    content_type: str
    state: str
    """pending until the bytes are stored, live, then dead until they are deleted."""
    store: str
    """The name of the store that keeps the bytes."""
    location: str
    """Where the store keeps, or will keep, the bytes."""
    address: str = ""
    """Where the store says they can be read."""
    parent_id: str = ""
    """Of a smaller copy: the blob that it was made from, and that it dies with."""
    rendition: str = ""
    """Of a smaller copy: width and format, such as 320.webp."""
    created_at: datetime = Field(sa_type=TIME)


class Image(SQLModel, table=True):
    """A picture in a user's gallery. Several may share a blob."""

    __tablename__ = "images"
    __table_args__ = (UniqueConstraint("user_id", "source_key"),)

    id: str = Field(primary_key=True)
    user_id: str = Field(index=True)
    blob_id: str = Field(foreign_key="blobs.id", index=True)
    type: str
    """user, outfit or generated."""
    details: dict[str, Any] = Field(sa_type=JSONB)
    """The contract's `metadata`, a name that SQLModel keeps for itself."""
    source_key: str | None = None
    """Names the work that made a generated picture, or the direct upload that brought it."""
    created_at: datetime = Field(sa_type=TIME)


class DirectUpload(SQLModel, table=True):
    """A picture that a browser may send straight to Cloudinary, and what became of it."""

    __tablename__ = "direct_uploads"

    id: str = Field(primary_key=True)
    user_id: str = Field(index=True)
    """Empty once the account is deleted: the asset still has to go."""
    type: str
    state: str
    """waiting, arrived (Cloudinary has told us), stored or refused."""
    location: str
    """Where at Cloudinary the browser puts the picture."""
    image_id: str = ""
    reason: str = ""
    """Of a refused one: the error's reason."""
    message: str = ""
    """Of a refused one: the error's sentence."""
    created_at: datetime = Field(sa_type=TIME)


class RetentionChoice(SQLModel, table=True):
    """How long a user wants pictures to be kept. Without a row: until they are deleted."""

    __tablename__ = "retention_choices"

    user_id: str = Field(primary_key=True)
    days: int
    """0 is until they are deleted."""
