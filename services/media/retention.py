"""How long users want their pictures to be kept: photos, outfits and results alike."""

import logging
from contextlib import suppress
from datetime import UTC, datetime

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlmodel import col

from services.kit.database import Database
from services.media.errors import ImageNotFound
from services.media.gallery import Gallery
from services.media.models import Image, RetentionChoice

log = logging.getLogger(__name__)

_DELETED_AT_ONCE = 500


class Retention:
    """The use cases of keeping pictures for a number of days."""

    def __init__(self, database: Database, gallery: Gallery) -> None:
        self._database = database
        self._gallery = gallery

    async def days(self, user_id: str) -> int:
        """How many days the user's pictures are kept; 0 is until they are deleted."""
        statement = select(col(RetentionChoice.days)).where(col(RetentionChoice.user_id) == user_id)
        async with self._database.read() as connection:
            return (await connection.execute(statement)).scalar_one_or_none() or 0

    async def choose(self, user_id: str, days: int) -> None:
        """Has the user's pictures deleted that are, or become, older than that; 0 keeps them."""
        chosen = upsert(RetentionChoice).values(user_id=user_id, days=days)
        replaced = chosen.on_conflict_do_update(index_elements=["user_id"], set_={"days": days})
        async with self._database.transaction() as connection:
            await connection.execute(replaced)

    async def sweep(self) -> None:
        """Deletes the pictures whose time is over."""
        limit = datetime.now(UTC) - func.make_interval(0, 0, 0, col(RetentionChoice.days))
        over = (
            select(col(Image.id), col(Image.user_id))
            .join(RetentionChoice, col(RetentionChoice.user_id) == col(Image.user_id))
            .where(col(RetentionChoice.days) > 0, col(Image.created_at) < limit)
            .limit(_DELETED_AT_ONCE)
        )
        while True:
            async with self._database.read() as connection:
                images = (await connection.execute(over)).all()
            for image in images:
                with suppress(ImageNotFound):  # its user was faster
                    await self._gallery.delete(image.user_id, image.id)
            if images:
                log.info("images were kept as long as was wanted", extra={"deleted": len(images)})
            if len(images) < _DELETED_AT_ONCE:
                return

    async def forget(self, user_id: str) -> None:
        """Deletes every image of a user, and what they chose. Safe to repeat."""
        async with self._database.transaction() as connection:
            await connection.execute(delete(RetentionChoice).where(col(RetentionChoice.user_id) == user_id))
        await self._gallery.delete_all(user_id)
