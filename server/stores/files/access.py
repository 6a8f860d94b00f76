"""Where a bucket is, and who uses it."""

from msgspec import Struct


class S3Access(Struct, frozen=True):
    """Where a bucket is and who uses it; what is None is found in the environment of AWS.

    Attributes:
        url: `s3://bucket/prefix`.
    """

    url: str
    endpoint: str | None = None
    region: str | None = None
    access_key: str | None = None
    secret_key: str | None = None

    def __repr__(self) -> str:
        """Without the secret, so that no log line or traceback can hold it."""
        return f"<S3Access of {self.url}>"
