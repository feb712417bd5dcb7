"""The media service: settings → dependencies → serve. `audit` as argument compares rows and bytes instead."""

import asyncio
import ctypes
import sys
from contextlib import suppress
from pathlib import Path

from services.kit import client, database, embedded, server, tasks, user_data
from services.kit.identity import ServiceTokens
from services.kit.rpc import Access
from services.media import servicer
from services.media.audit import Audit
from services.media.blob_rows import SWEEP_TASK, BlobRows
from services.media.direct_uploads import IMPORT_TASK, DirectUploads
from services.media.gallery import Gallery
from services.media.links import Links
from services.media.picture_pool import PicturePool
from services.media.quota import Quota
from services.media.renditions import Renditions
from services.media.retention import Retention
from services.media.settings import Settings, StoreSettings
from services.media.stores import direct_cloud, open_stores, scaling_stores

_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8  # malloc.h


async def compose(config: Settings, url: str) -> server.Service:
    """Puts the service together."""
    db = database.Database(url, config.database_pool)
    tokens = ServiceTokens("media", config.service_private_key.get_secret_value(), config.service_public_keys)
    links = Links(config.public_url, config.url_secret.get_secret_value(), config.url_days)
    stores = open_stores(config)
    rows = BlobRows(db, stores)
    pool = PicturePool(
        config.picture_workers, config.picture_seconds, config.picture_memory_mb * 1024 * 1024, config.picture_queue
    )
    quota = Quota(config.quota_images, config.quota_bytes)
    gallery = Gallery(db, rows, stores, pool, links, quota)
    told_at = f"{config.public_url.rstrip('/')}/api/images/direct/notification"
    direct = DirectUploads(db, gallery, quota, direct_cloud(stores), told_at, config.max_upload_bytes)
    renditions = Renditions(db, rows, stores, pool, links, scaling_stores(config, stores))
    retention = Retention(db, gallery)
    images = servicer.Images(links)
    runner = tasks.TaskRunner(url)

    async def sweep(payload: tasks.Payload) -> None:
        await rows.sweep(payload["blob_id"], keep_row=payload.get("keep_row", False))

    async def bring(payload: tasks.Payload) -> None:
        await direct.bring(payload["id"], payload["format"])

    runner.task(SWEEP_TASK, sweep)
    runner.task(IMPORT_TASK, bring)
    runner.every("* * * * *", "sweep_pending", rows.sweep_pending)
    runner.every("* * * * *", "sweep_direct_uploads", direct.sweep)
    runner.every(config.retention_schedule, "sweep_kept_long_enough", retention.sweep)
    runner.every("17 3 * * *", "sweep_without_row", Audit(db, stores).sweep)
    auth = client.open_channel(config.auth_address, [client.JWKS_METHOD, client.REVOKED_METHOD], config.tls)

    async def forget(user_id: str) -> None:
        await direct.forget(user_id)
        await retention.forget(user_id)

    async def close() -> None:
        await pool.close()
        await auth.close()
        await db.close()

    rpcs = (
        servicer.MediaServicer(gallery, renditions, retention, direct, images, config.max_upload_bytes),
        servicer.ImageStoreServicer(gallery, images),
        user_data.UserDataServicer(forget),
    )
    return server.Service(
        name="media",
        listen=config.listen,
        health_listen=config.health_listen,
        tls=config.tls,
        drain_seconds=config.drain_seconds,
        access=Access(public=servicer.PUBLIC, internal=servicer.INTERNAL | user_data.INTERNAL),
        users=client.user_tokens(auth, tokens, config.token_issuer),
        tokens=tokens,
        register=lambda grpc_server: [name for rpc in rpcs for name in rpc.register(grpc_server)],
        background=(runner.run,),
        hand_back=runner.hand_back,
        ready=db.ready,
        close=close,
    )


async def audit() -> bool:
    """Says on standard output how rows and bytes compare, store by store; whether they agree."""
    config = StoreSettings()
    db = database.Database(config.database_url or embedded.service_url(Path(config.data_dir), "media"), pool=2)
    try:
        found = await Audit(db, open_stores(config)).look()
    finally:
        await db.close()
    for each in found:
        print(
            f"{each.store}: {each.rows} rows, {each.blobs} blobs, {len(each.rows_without_blob)} rows without blob, "
            f"{len(each.blobs_without_row)} blobs without row" + (f"; {each.problem}" if each.problem else "")
        )
        for blob_id in each.rows_without_blob:
            print(f"  row without blob: {blob_id}")
        for location in each.blobs_without_row:
            print(f"  blob without row: {location}")
    return all(each.good for each in found)


def give_memory_back() -> None:
    """Has glibc return large blocks to the system when they are free; left alone, it keeps what a rush has taken."""
    with suppress(OSError, AttributeError):  # another C library
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_MMAP_THRESHOLD, 256 * 1024)
        libc.mallopt(_M_ARENA_MAX, 2)


if __name__ == "__main__":
    if sys.argv[1:] == ["audit"]:
        sys.exit(not asyncio.run(audit()))
    give_memory_back()
    server.main("media", Settings, compose, Path(__file__).parent)
