"""The private folders of a supervisor and its workers."""

import contextlib
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

MAX_SOCKET_PATH_BYTES = 107
"""What the system takes as the address of a Unix socket."""

MAX_NAME_BYTES = 32
"""Of a socket in the folder."""


@contextlib.contextmanager
def socket_folder(data_dir: Path) -> Iterator[Path]:
    """A folder for Unix sockets, which only its owner may look into (mode 0700).

    It is in the data folder, or for the time being elsewhere if its path is too long for that.

    Raises:
        ValueError: It is too long there, too.
    """
    folder = private(data_dir / "run")
    if _fits(folder):
        _sweep(folder)
        yield folder
        return
    elsewhere = Path(tempfile.mkdtemp(prefix="hushwire-"))  # has that mode
    try:
        if not _fits(elsewhere):
            raise ValueError(f"{elsewhere} is too long for the path of a Unix socket")
        yield elsewhere
    finally:
        shutil.rmtree(elsewhere, ignore_errors=True)


def private(path: Path) -> Path:
    """A folder with mode 0700, made if it is not there."""
    path = path.absolute()
    path.mkdir(mode=0o700, exist_ok=True)
    path.chmod(0o700)
    return path


def _fits(folder: Path) -> bool:
    return len(bytes(folder)) + 1 + MAX_NAME_BYTES <= MAX_SOCKET_PATH_BYTES


def _sweep(folder: Path) -> None:
    """Take away the sockets of processes that were killed."""
    for path in folder.iterdir():
        kind = socket.SOCK_DGRAM if path.suffix == ".door" else socket.SOCK_STREAM
        with socket.socket(socket.AF_UNIX, kind) as probe:
            try:
                probe.connect(str(path))
            except ConnectionRefusedError:
                path.unlink(missing_ok=True)
            except OSError:
                pass  # full, or gone just now
