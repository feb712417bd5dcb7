"""Tables of the try-on service."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import TIMESTAMP, BigInteger, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

TIME: Any = TIMESTAMP(timezone=True)


class Job(SQLModel, table=True):
    """A try-on and how far it is.

    created → held → running → stored → succeeded, or from any of the first four → releasing → failed or canceled.
    """

    __tablename__ = "jobs"
    __table_args__ = (UniqueConstraint("user_id", "idempotency_key"),)

    id: str = Field(primary_key=True)
    """Also the id of its hold at billing and the key of its picture at media."""
    user_id: str = Field(index=True)
    idempotency_key: str
    person_image_id: str
    outfit_image_id: str
    options: dict[str, Any] = Field(sa_type=JSONB)
    state: str
    stage: str = "queued"
    """What a person is told: queued, preparing, generating, storing or done."""
    progress: int = 0
    """0 to 100."""
    version: int = 0
    """Counts the changes of the row, for those who watch it."""
    attempt: int = 0
    """Counts the workers that began it; only the last one's word counts."""
    engine: str = ""
    provider_engine: str = ""
    """The engine whose provider has a run for this job, and the run's id there: what a restart waits for."""
    provider_job_id: str = ""
    turn: int | None = Field(default=None, sa_type=BigInteger)
    """Its place in line, once it stands there: of the same round the lowest is next."""
    round: int = 0
    """How many of its user's jobs stood in line or were worked on when it came to the line."""
    image_id: str | None = None
    score: float | None = None
    """The engine's own judgement of the picture, 0 to 1, if it has one."""
    credits_remaining: int | None = None
    error_reason: str | None = None
    error_message: str | None = None
    error_field: str | None = None
    """The request's field whose image was refused, and where in it: left, top, right, bottom, each 0 to 1."""
    error_box: list[float] | None = Field(default=None, sa_type=JSONB(none_as_null=True))
    created_at: datetime = Field(sa_type=TIME)
    finished_at: datetime | None = Field(default=None, sa_type=TIME)


class EngineDay(SQLModel, table=True):
    """How many pictures an engine began on a day (UTC)."""

    __tablename__ = "engine_days"

    engine: str = Field(primary_key=True)
    day: date = Field(primary_key=True)
    pictures: int
