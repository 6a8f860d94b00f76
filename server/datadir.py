"""The data folder: secrets that are made at the first start and kept."""

import os
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

from server.core.ids import new_secret


def open_folder(path: Path) -> Path:
    """Make the folder if it is not there; only its owner may look inside (mode 0700).

    One that is there keeps its mode: it might be a folder that others use, too.

    Raises:
        ValueError: Others may write into it, hence replace the secrets.
    """
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.stat().st_mode & 0o022:
        raise ValueError(f"others may write into {path}; run: chmod 700 {path}")
    return path


def new_master_key() -> str:
    """256 random bits, as MASTER_KEY takes them."""
    return b64encode(os.urandom(32)).decode()


def secret_file(folder: Path, name: str, make: Callable[[], str] = new_secret) -> Path:
    """The file of a secret (mode 0600), made with a new one at first use.

    Of several processes that start at once, one makes it and all read that one: it is
    written aside and linked into place, so that nobody can read half of it.
    """
    path = folder / name
    if not path.exists():
        aside = folder / f".{name}.{os.getpid()}"
        aside.unlink(missing_ok=True)
        handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(make() + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            path.hardlink_to(aside)
        except FileExistsError:
            pass  # another process was first
        finally:
            aside.unlink()
    return path


def read_secret(path: Path) -> str:
    """The secret in a file.

    Raises:
        ValueError: The file is empty.
    """
    secret = path.read_text().strip()
    if not secret:
        raise ValueError(f"{path} is empty; delete it, and the next start makes a new secret")
    return secret
