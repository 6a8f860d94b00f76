"""Settings of other servers, and of versions to come, that somebody may have set."""

from collections.abc import Mapping
from urllib.parse import quote

ALIASES = {"TLS_CERT_PATH": "TLS_CERT", "TLS_KEY_PATH": "TLS_KEY"}
"""Names that settings have elsewhere."""

UNUSED = ("MONGODB_URI",)


def redis_url(environment: Mapping[str, str]) -> str:
    """The URL of the Redis that other servers have in three settings; nothing without a host."""
    host = environment.get("REDIS_HOST", "").strip()
    if not host:
        return ""
    port = environment.get("REDIS_PORT", "").strip() or "6379"
    password = quote(environment.get("REDIS_PASSWORD", "").strip(), safe="")
    secret = f":{password}@" if password else ""
    return f"redis://{secret}[{host}]:{port}" if ":" in host else f"redis://{secret}{host}:{port}"
