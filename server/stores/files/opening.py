"""The blobs of an installation, where its settings have them."""

from importlib.util import find_spec
from pathlib import Path

from server.core.ports.files import Blobs
from server.stores.files.access import S3Access
from server.stores.files.disk import DiskBlobs

FOLDER = "files"
"""In the data folder, where no bucket is named."""


def can_use_buckets() -> bool:
    """Whether the package is there that does it."""
    return find_spec("obstore") is not None


def open_blobs(access: S3Access | None, data_dir: Path) -> Blobs:
    """Blobs in a bucket, or in the data folder; nothing is touched before the first comes."""
    if access is None:
        return DiskBlobs(data_dir / FOLDER)
    # Only who has a bucket needs what speaks to one.
    from server.stores.files.s3 import S3Blobs  # noqa: PLC0415

    return S3Blobs(access)
