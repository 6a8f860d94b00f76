"""Reading the memory of a server's process through /proc (Linux)."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

PIECE_BYTES = 4 * 1024 * 1024

_LISTENING = "0A"
_PROC = Path("/proc")


def listeners(port: int) -> list[int]:
    """The processes that listen on a TCP port here, as far as we may look."""
    inodes = set()
    for table in ("net/tcp", "net/tcp6"):
        for line in (_PROC / table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                inodes.add(f"socket:[{fields[9]}]")
    return [
        int(process.name)
        for process in _PROC.iterdir()
        if process.name.isdigit() and inodes & set(_open_files(process))
    ]


def _open_files(process: Path) -> Iterator[str]:
    try:
        for handle in (process / "fd").iterdir():
            yield str(handle.readlink())
    except OSError:
        return  # it has ended, or is not ours


def memory_pieces(pid: int, overlap_bytes: int) -> Iterator[bytes]:
    """All that a process can write to, piece by piece.

    Code and data that are mapped from files and read-only are left out: nothing that came
    over a wire can be in there.

    Raises:
        OSError: There is no such process, or we may not look into it.
    """
    with (_PROC / str(pid) / "mem").open("rb", buffering=0) as memory:
        for start, end in _writable(pid):
            memory.seek(start)
            yield from pieces(memory, end - start, overlap_bytes)


def _writable(pid: int) -> Iterator[tuple[int, int]]:
    maps = (_PROC / str(pid) / "maps").read_text()
    for start, end in re.findall(r"^([0-9a-f]+)-([0-9a-f]+) rw", maps, re.MULTILINE):
        yield int(start, 16), int(end, 16)


def pieces(file: BinaryIO, size_bytes: int, overlap_bytes: int) -> Iterator[bytes]:
    """The next bytes of a file; two pieces overlap, so that nothing is cut in all of them."""
    carried = b""
    while size_bytes > 0:
        try:
            read = file.read(min(PIECE_BYTES, size_bytes))
        except OSError:
            return  # given back to the system since the map was read
        if not read:
            return
        size_bytes -= len(read)
        piece = carried + read
        yield piece
        carried = piece[-overlap_bytes:]
