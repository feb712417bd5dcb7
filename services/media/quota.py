"""How much a user may keep."""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import col

from services.media.errors import QuotaExceeded
from services.media.models import Blob, Image


@dataclass(frozen=True)
class Quota:
    """At most so many images, and so many bytes behind them; what several images share counts once."""

    images: int
    bytes: int

    async def check(self, connection: AsyncConnection, user_id: str, *, more: int = 0) -> None:
        """Whether the user has no more than that, or room for `more` images. Raises QuotaExceeded.

        It holds against others only in a transaction that has the user's lock.
        """
        live = (col(Blob.user_id) == user_id, col(Blob.state) == "live", col(Blob.parent_id) == "")
        counted = select(
            select(func.count()).select_from(Image).where(col(Image.user_id) == user_id).scalar_subquery(),
            select(func.coalesce(func.sum(Blob.size), 0)).where(*live).scalar_subquery(),
        )
        images, size = (await connection.execute(counted)).one()
        if images + more > self.images:
            told = f"You have {self.images:,} images, and there is no room for more. Please delete some first."
            raise QuotaExceeded(told, images=images)
        if size + more > self.bytes:
            room = f"Your images may take up {self.bytes // 1024 // 1024:,} MB"
            raise QuotaExceeded(f"{room}, and there is no room for more. Please delete some first.", bytes=size)
