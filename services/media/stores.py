"""Puts the stores together that the settings name."""

from pathlib import Path
from typing import cast

from services.media.blobs import Blobs, DiskBlobs, Scaling, Stores
from services.media.direct_uploads import Cloud
from services.media.settings import StoreSettings


def open_stores(config: StoreSettings) -> Stores:
    """Every store that is configured, for reading; new bytes go to one of them."""
    stores: dict[str, Blobs] = {"disk": DiskBlobs(Path(config.data_dir) / "blobs")}
    current = "disk"
    # Imported only where they are used: each SDK takes tens of megabytes.
    if url := config.cloudinary_url.get_secret_value():
        from services.media.cloudinary_blobs import CloudinaryBlobs

        stores["cloudinary"] = CloudinaryBlobs(url, config.cloudinary_upload_prefix)
        current = "cloudinary"
    if config.s3_bucket:
        from services.media.s3_blobs import S3Blobs

        stores["s3"] = S3Blobs(
            config.s3_bucket,
            endpoint_url=config.s3_endpoint_url,
            region=config.s3_region,
            key_id=config.s3_access_key_id,
            secret=config.s3_secret_access_key.get_secret_value(),
            prefix=config.s3_prefix,
        )
        current = "s3"
    return Stores(stores, config.blob_store or current)


def scaling_stores(config: StoreSettings, stores: Stores) -> dict[str, Scaling]:
    """The stores that make smaller copies themselves."""
    cloudinary = stores.by_name.get("cloudinary")
    return {"cloudinary": cast(Scaling, cloudinary)} if cloudinary and config.cloudinary_renditions else {}


def direct_cloud(stores: Stores) -> Cloud | None:
    """Where browsers may send pictures themselves, if anywhere."""
    return cast(Cloud | None, stores.by_name.get("cloudinary"))
