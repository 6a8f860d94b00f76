"""What the text of a setting may be: each makes the value, or raises ValueError."""

import os
import re
from base64 import b64decode
from collections.abc import Callable
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from urllib.parse import urlsplit

from server.core.claims import AdminClaim

MAX_WORKERS = 256


class Secret(str):
    """Text that is not shown where settings are printed."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<secret>"


class MasterKeys(tuple[bytes, ...]):
    """Keys of 32 bytes, the one that wraps first; they are not shown where settings are printed."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<secret>" if self else "()"


def whole(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,15}", text) or not low <= int(text) <= high:
            raise ValueError(f"must be a whole number from {low} to {high}")
        return int(text)

    return parse


def workers(text: str) -> int:
    """How many processes; a machine has no use for more than it has cores, but may have them."""
    if text.lower() == "auto":
        return min(len(os.sched_getaffinity(0)), MAX_WORKERS)
    try:
        return whole(1, MAX_WORKERS)(text)
    except ValueError as error:
        raise ValueError(str(error).replace("must be", "must be auto, or", 1)) from None


def seconds(low: float, high: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        if not re.fullmatch(r"[0-9]+(\.[0-9]+)?", text) or not low <= float(text) <= high:
            raise ValueError(f"must be a number from {low:g} to {high:g}")
        return float(text)

    return parse


def switch(text: str) -> bool:
    words = {"true": True, "on": True, "yes": True, "1": True}
    words |= {"false": False, "off": False, "no": False, "0": False, "": False}
    if text.lower() not in words:
        raise ValueError("must be true or false")
    return words[text.lower()]


def host(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9.:_-]+", text):
        raise ValueError("must be an address such as 127.0.0.1, 0.0.0.0 or ::")
    return text


_ORIGIN = re.compile(r"([a-z][a-z0-9+.-]*)://(\[[0-9a-f:.]+\]|[^\s/?#@:*,]+)(?::([0-9]{1,5}))?")
_USUAL_PORT = {"http": "80", "https": "443"}


def origins(text: str) -> frozenset[str]:
    parts = [part.strip().rstrip("/").lower() for part in text.split(",") if part.strip()]
    return frozenset(part if part == "*" else _origin(part) for part in parts)


def _origin(text: str) -> str:
    """An origin as browsers write it: without the port that goes without saying."""
    found = _ORIGIN.fullmatch(text)
    if not found or (found[3] and not 0 < int(found[3]) < 65_536):
        raise ValueError("must be origins such as https://app.example, separated by commas, or *")
    scheme, host, port = found.groups()
    return f"{scheme}://{host}" + (f":{port}" if port and port != _USUAL_PORT.get(scheme) else "")


def folder(text: str) -> Path:
    try:
        path = Path(text).expanduser()
        is_file = path.is_file()
    except (OSError, RuntimeError):
        raise ValueError("must be a folder that can be") from None
    if is_file:
        raise ValueError("must be a folder")
    return path


def file(text: str) -> Path | None:
    if not text:
        return None
    try:
        path = Path(text).expanduser()
        is_file = path.is_file()
    except (OSError, RuntimeError):
        is_file = False
    if not is_file:
        raise ValueError("must be a file that is there and may be read")
    return path


def token(text: str) -> Secret | None:
    if text and (len(text) < 16 or not text.isascii() or not text.isprintable() or " " in text):
        raise ValueError("must have at least 16 printable ASCII characters without spaces")
    return Secret(text) if text else None


def master_keys(text: str) -> MasterKeys:
    return MasterKeys(_master_key(part.strip()) for part in text.split(",") if part.strip())


def _master_key(text: str) -> bytes:
    try:
        key = b64decode(text, validate=True)
    except ValueError:
        key = b""
    if len(key) != 32:
        problem = "must be 32 random bytes in base64, as `openssl rand -base64 32` makes them"
        raise ValueError(problem)
    return key


_KEY_MARKS = ("-----BEGIN", "ssh-", "ecdsa-sha2-", "{")


def signing_secret(text: str) -> Secret | None:
    if not text:
        return None
    if len(text.encode()) < 32:
        raise ValueError("must have at least 32 bytes, as `openssl rand -base64 32` makes them")
    if text.startswith(_KEY_MARKS):
        raise ValueError("must be a random text, and is a key; public ones go to JWT_JWKS_URL")
    return Secret(text)


def https_url(text: str) -> str | None:
    """An address that nobody on the way can answer for."""
    if not text:
        return None
    try:
        parts = urlsplit(text)
        is_fine = bool(parts.hostname and text.isprintable() and " " not in text)
        is_fine = is_fine and parts.port != 0 and not parts.username and not parts.password
    except ValueError:
        is_fine = False
    if not is_fine or parts.fragment:
        raise ValueError("must be a URL such as https://id.example/jwks.json")
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_here(parts.hostname or "")):
        raise ValueError("must begin with https://; http:// is for this machine only")
    return text


def node_url(text: str) -> str | None:
    """The address of a server of ours, without a path."""
    if not text:
        return None
    found = _ORIGIN.fullmatch(text.rstrip("/").lower())
    if not found or found[1] not in ("http", "https") or not 0 < int(found[3] or 1) < 65_536:
        raise ValueError("must be a URL such as http://node3.example:3001")
    return found[0]


def _is_here(name: str) -> bool:
    try:
        return name == "localhost" or ip_address(name).is_loopback
    except ValueError:
        return False


def is_elsewhere(url: str) -> bool:
    """Whether that of a store names another machine than this one."""
    name = urlsplit(url).hostname
    return bool(name) and not _is_here(name or "")


_REDIS_SCHEMES = ("redis", "rediss", "redis+sentinel", "unix")


def redis_url(text: str) -> Secret | None:
    """Where Redis is; it may hold a password."""
    if not text:
        return None
    try:
        parts = urlsplit(text)
        has_place = parts.path if parts.scheme == "unix" else parts.hostname
    except ValueError:
        has_place = None
    if not has_place or parts.scheme not in _REDIS_SCHEMES or not text.isprintable():
        raise ValueError("must be a URL such as redis://127.0.0.1:6379/0")
    return Secret(text)


_DATABASE_SCHEMES = ("postgresql", "postgres")


def database_url(text: str) -> Secret | None:
    """Where what lasts is kept; it may hold a password."""
    if not text:
        return None
    if text.startswith("sqlite://") and len(text) > len("sqlite://") and text.isprintable():
        return Secret(text)
    try:
        parts = urlsplit(text)
    except ValueError:
        parts = urlsplit("")
    # Without a host in it, the place is that of libpq: a socket of this machine.
    if parts.scheme not in _DATABASE_SCHEMES or not text.isprintable():
        raise ValueError("must be a URL such as postgresql://user:password@127.0.0.1/hushwire")
    return Secret(text)


def files_url(text: str) -> str | None:
    """A bucket, and the beginning of all names in it."""
    if text and not re.fullmatch(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[\w.-]+)*/?", text):
        raise ValueError("must be a bucket such as s3://chat-files/prefix")
    return text or None


def secret_text(text: str) -> Secret | None:
    if len(text) > 512 or not text.isprintable():
        raise ValueError("must have at most 512 printable characters")
    return Secret(text) if text else None


def claim_text(text: str) -> str | None:
    if len(text) > 512 or not text.isprintable():
        raise ValueError("must have at most 512 printable characters")
    return text or None


def token_types(text: str) -> frozenset[str]:
    if not text.isprintable():
        raise ValueError("must be words, separated by commas")
    return frozenset(filter(None, (word.strip().lower() for word in text.split(","))))


def admin_claim(text: str) -> AdminClaim | None:
    if not text:
        return None
    name, has_value, value = text.partition("=")
    name, value = name.strip(), value.strip()
    if not name or (has_value and not value) or not text.isprintable():
        raise ValueError("must be name=value or a name, such as roles=admin")
    return AdminClaim(name, value if has_value else None)


def proxies(text: str) -> tuple[int, tuple[IPv4Network | IPv6Network, ...]]:
    if re.fullmatch(r"[0-9]", text):
        return int(text), ()
    try:
        parts = [part.strip() for part in text.split(",") if part.strip()]
        return 0, tuple(ip_network(part, strict=False) for part in parts)
    except ValueError:
        raise ValueError("must be a number of proxies (0 to 9), or networks in CIDR form") from None
