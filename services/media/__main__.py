"""The media service: settings → dependencies → serve."""

from pathlib import Path

from services.kit import client, database, server, tasks, user_data
from services.kit.identity import ServiceTokens
from services.kit.rpc import Access
from services.media import servicer
from services.media.blobs import Blobs, DiskBlobs
from services.media.cloudinary_blobs import CloudinaryBlobs
from services.media.gallery import SWEEP_TASK, Gallery
from services.media.links import Links
from services.media.settings import Settings


def choose_blobs(config: Settings) -> Blobs:
    """Cloudinary when it is configured, this machine's disk otherwise."""
    if url := config.cloudinary_url.get_secret_value():
        return CloudinaryBlobs(url, config.cloudinary_upload_prefix)
    return DiskBlobs(Path(config.data_dir) / "blobs")


async def compose(config: Settings, url: str) -> server.Service:
    """Puts the service together."""
    db = database.Database(url, config.database_pool)
    tokens = ServiceTokens("media", config.service_private_key.get_secret_value(), config.service_public_keys)
    links = Links(config.public_url, config.url_secret.get_secret_value(), config.url_days)
    gallery = Gallery(db, choose_blobs(config), links)
    images = servicer.Images(links)
    runner = tasks.TaskRunner(url)

    async def sweep(payload: tasks.Payload) -> None:
        await gallery.sweep(payload["blob_id"], keep_row=payload.get("keep_row", False))

    runner.task(SWEEP_TASK, sweep)
    runner.every("* * * * *", "sweep_pending", gallery.sweep_pending)
    auth = client.open_channel(config.auth_address, [client.JWKS_METHOD, client.REVOKED_METHOD], config.tls)

    async def close() -> None:
        await auth.close()
        await db.close()

    rpcs = (
        servicer.MediaServicer(gallery, images, config.max_upload_bytes),
        servicer.ImageStoreServicer(gallery, images),
        user_data.UserDataServicer(gallery.delete_all),
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
        ready=db.ready,
        close=close,
    )


if __name__ == "__main__":
    server.main("media", Settings, compose, Path(__file__).parent)
