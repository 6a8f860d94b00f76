"""How a process ends that could not do its work: its status, and what it says of that."""

import sys

from server.settings import Settings

CANNOT_LISTEN = 1
BAD_SETTINGS = 2
STORE_AWAY = 3


def cannot_start(error: object) -> int:
    """Say which setting cannot work, and return the status."""
    print(f"Hushwire cannot start:\n{error}", file=sys.stderr)
    return BAD_SETTINGS


def store_away(error: object, setting: str = "REDIS_URL") -> int:
    """Say that what holds the state cannot be had, and return the status."""
    print(f"Hushwire cannot start:\n{setting}: {error}", file=sys.stderr)
    return STORE_AWAY


def cannot_listen(settings: Settings, error: OSError) -> int:
    """Say that the port cannot be had, and return the status."""
    print(
        f"Hushwire cannot listen on {settings.host}:{settings.port}: {error.strerror}. "
        "Choose another HOST or PORT, or stop what is there.",
        file=sys.stderr,
    )
    return CANNOT_LISTEN
