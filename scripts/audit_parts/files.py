"""Files of any kind, which are known by how they begin: logs, databases, backups."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from scripts.audit_parts.databases import look_at_rows
from scripts.audit_parts.forms import Needles
from scripts.audit_parts.looks import Look
from scripts.audit_parts.search import PIECE_BYTES, Search
from server.stores.sql.backup import BESIDE

SQLITE = b"SQLite format 3\0"
_ARCHIVE = b"PGDMP"
_GZIP = b"\x1f\x8b"
_WALS = (b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83")
_JOURNAL = b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7"
_HEAD_BYTES = 16


class Files:
    """Looks at files.

    Args:
        whole, cut: The same secrets; see `Needles`.
    """

    def __init__(self, whole: Needles, cut: Needles) -> None:
        self._whole = whole
        self._cut = cut

    def look(self, what: str, path: Path, besides: Path | None = None) -> Look:
        """Look at a file, or at all files below a folder.

        Args:
            besides: A database that is looked at elsewhere.
        """
        look, left_out = Look(what, str(path)), set(_database(besides) if besides else ())
        try:
            files = [one for one in sorted(_files(path)) if one not in left_out]
        except OSError as error:
            look.problem = str(error)
            return look
        for file in files:
            self._look_at(file, look)
        if path.is_dir():
            look.detail = f"{len(files)} files"
        return look

    def look_at_database(self, path: Path) -> Look:
        """Look at a SQLite database, with what it has beside it."""
        look = Look("database", str(path))
        beside = [one for one in _database(path)[1:] if one.exists()]
        for file in (path, *beside):
            self._look_at(file, look)
        if beside:
            names = ", ".join(one.name.removeprefix(path.name) for one in beside)
            look.detail += f", {names} beside it"
        return look

    def _look_at(self, path: Path, look: Look) -> None:
        try:
            with path.open("rb") as file:
                head = file.read(_HEAD_BYTES)
                file.seek(0)
                is_paged = head.startswith((SQLITE, *_WALS, _JOURNAL, _GZIP))
                look.take(_searched(self._cut if is_paged else self._whole, file))
        except OSError as error:
            look.problem = f"{path}: {error.strerror}"
            return
        if head == SQLITE:
            look_at_rows(path, self._whole, look)
        elif head.startswith(_ARCHIVE):
            self._look_at_archive(path, look)

    def _look_at_archive(self, path: Path, look: Look) -> None:
        """Its rows are packed, so `pg_restore` writes them as SQL."""
        try:
            with subprocess.Popen(
                ["pg_restore", "--file=-", str(path)],
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            ) as restore:
                assert restore.stdout
                look.take(_searched(self._whole, restore.stdout))
        except FileNotFoundError:
            look.problem = f"{path} is packed, and pg_restore was not found"
            return
        if restore.returncode:
            look.problem = f"pg_restore cannot read {path}"


def _database(path: Path) -> list[Path]:
    return [path.with_name(path.name + end) for end in ("", *BESIDE)]


def _files(path: Path) -> Iterator[Path]:
    """Those that can be read: sockets, which a data folder may have too, keep nothing."""
    if not path.is_dir():
        yield path
        return
    yield from (one for one in path.rglob("*") if one.is_file())


def _searched(needles: Needles, file: IO[bytes]) -> Search:
    search = Search(needles)
    while piece := file.read(PIECE_BYTES):
        search.feed(piece)
    return search
