"""How long users want their pictures to be kept."""

from datetime import timedelta

import pytest
from drape.auth.v1 import user_data_pb2
from drape.media.v1 import media_pb2 as pb
from sqlalchemy import update
from sqlmodel import col

from services.kit.database import Database
from services.kit.ids import new_id
from services.kit.tests.wire import refusal
from services.media.models import Image
from services.media.retention import Retention
from services.media.tests.fakes import Inspector, Uploads
from services.media.tests.samples import plain
from services.media.tests.served import Media


@pytest.fixture
def retention(database: Database, gallery: Uploads) -> Retention:
    """The use cases on the real database."""
    return Retention(database, gallery)


async def upload(database: Database, gallery: Uploads, user: str, kind: str, days_ago: float) -> str:
    """An image that the user has had for so long."""
    image = await gallery.upload_bytes(user, kind, plain(colour=f"#{new_id()[-6:]}"))
    older = update(Image).where(col(Image.id) == image.id)
    async with database.transaction() as connection:
        await connection.execute(older.values(created_at=image.created_at - timedelta(days=days_ago)))
    image_id: str = image.id
    return image_id


async def left(gallery: Uploads, user: str) -> list[str]:
    """What the gallery still has, oldest first."""
    return [image.id for image in (await gallery.page(user, "", 100, "")).images][::-1]


async def test_pictures_of_every_kind_go_when_they_are_older_than_was_chosen(
    database: Database, gallery: Uploads, retention: Retention, inside: Inspector
) -> None:
    user, patient = new_id(), new_id()
    old = [await upload(database, gallery, user, kind, 7.1) for kind in ("user", "outfit", "generated")]
    new = await upload(database, gallery, user, "user", 6.9)
    others = await upload(database, gallery, patient, "user", 100)
    await retention.sweep()
    assert await left(gallery, user) == [*old, new]
    await retention.choose(user, 7)
    await retention.choose(patient, 0)
    for _ in range(2):
        await retention.sweep()
    assert (await left(gallery, user), await left(gallery, patient)) == ([new], [others])
    assert len(await inside.queued(user)) == 3  # their bytes follow


async def test_the_choice_can_be_changed_and_goes_with_its_user(retention: Retention) -> None:
    user, other = new_id(), new_id()
    await retention.choose(other, 3)
    found = [await retention.days(user)]
    for days in (30, 1, 0, 5):
        await retention.choose(user, days)
        found.append(await retention.days(user))
    assert found == [0, 30, 1, 0, 5]
    for _ in range(2):
        await retention.forget(user)
    assert (await retention.days(user), await retention.days(other)) == (0, 3)


async def test_the_choice_is_made_and_shown_over_the_channel(media: Media) -> None:
    user = new_id()
    me = media.as_user(user)
    assert (await media.api.GetRetention(pb.GetRetentionRequest(), metadata=me)).retention_days == 0
    assert (await media.api.SetRetention(pb.SetRetentionRequest(retention_days=30), metadata=me)).retention_days == 30
    assert (await media.api.GetRetention(pb.GetRetentionRequest(), metadata=me)).retention_days == 30
    for request, message in (
        (pb.SetRetentionRequest(), "retentionDays is required"),
        (pb.SetRetentionRequest(retention_days=-1), "retentionDays must be between 0 and 3650"),
        (pb.SetRetentionRequest(retention_days=3651), "retentionDays must be between 0 and 3650"),
    ):
        refused = await refusal(media.api.SetRetention(request, metadata=me))
        assert (refused.reason, refused.message) == ("VALIDATION_FAILED", message)
    forget = user_data_pb2.DeleteUserDataRequest(user_id=user)
    await media.user_data.DeleteUserData(forget, metadata=media.as_service("auth", user))
    assert (await media.api.GetRetention(pb.GetRetentionRequest(), metadata=me)).retention_days == 0
