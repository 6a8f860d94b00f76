"""Copies of a whole database, taken while it is in use, and put back.

A copy is one state of the whole. It counts only once it has been read back: a SQLite file by its
own checks, an archive of `pg_dump` by reading every row of it.
"""

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

import apsw

from server.stores.sql.migrations import known_migrations

BESIDE = ("-wal", "-shm", "-journal")
"""What SQLite has beside a database, by the ends of the names."""

LIMIT_S = 3600
"""For a program of PostgreSQL that only reads."""

_NOTED = re.compile(r"^(\d+)\t\w+\t([0-9a-f]{64})\t", re.MULTILINE)
"""A row of `migrations` in an archive."""

_TABLE = re.compile(r"^CREATE TABLE (\w+)", re.MULTILINE)


class BackupError(Exception):
    """There is no good copy, or nothing was put back; the text says why."""


def back_up_file(source: Path, copy: Path) -> int:
    """Copy a SQLite database into a file of its own that nobody else may read.

    What was deleted is not in it.

    Returns:
        The size of the copy in bytes.

    Raises:
        BackupError: `copy` is there already, or the copy would not be good.
    """
    _refuse_overwriting(copy)
    if not source.exists():
        raise BackupError(f"there is no database at {source}")
    with tempfile.TemporaryDirectory(dir=copy.absolute().parent, prefix=".backup-") as folder:
        aside = Path(folder) / "copy"
        try:
            connection = apsw.Connection(str(source), flags=apsw.SQLITE_OPEN_READWRITE)
            try:
                connection.execute("VACUUM INTO ?", (str(aside),))
            finally:
                connection.close()
        except apsw.Error as error:
            raise BackupError(f"{source}: {error}") from error
        check_file(aside)
        return _put(aside, copy)


def check_file(path: Path) -> None:
    """See that a file is a whole database that this program can use.

    Raises:
        BackupError: It is not.
    """
    try:
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    except apsw.Error as error:
        raise BackupError(f"{path}: {error}") from error
    try:
        found = [str(one[0]) for one in connection.execute("PRAGMA integrity_check(1)")]
        found += [f"a row of {one[0]} lacks its {one[2]}" for one in _orphans(connection)]
        applied = list(connection.execute("SELECT number, sha256 FROM migrations"))
    except apsw.Error as error:
        raise BackupError(f"{path} is no database of Hushwire: {error}") from error
    finally:
        connection.close()
    if found != ["ok"]:
        raise BackupError(f"{path} is damaged: {found[0] if found[0] != 'ok' else found[1]}")
    _check_versions(path, applied)


def _check_versions(path: Path, applied: Iterable[tuple[Any, ...]]) -> None:
    """Refuse a copy to which something was applied that this program does not know."""
    known = {one.number: one.sha256 for one in known_migrations()}
    if any(known.get(number) != sha256 for number, sha256 in applied):
        raise BackupError(f"{path} is of another version of Hushwire")


def restore_file(copy: Path, target: Path, *, replace: bool) -> None:
    """Put a copy in the place of a database that nobody uses.

    Args:
        replace: A database that is there is kept beside it, as `<name>.replaced`, with what
            SQLite has beside it (`<name>.replaced-wal`).

    Raises:
        BackupError: The copy is not good; or there is a database that is in use or was not to
            be replaced, or one that was replaced before.
    """
    check_file(copy)
    if target.exists() and not replace:
        raise BackupError(f"{target} is there already; --replace keeps it beside the new one")
    moves = {
        target.with_name(target.name + end): target.with_name(f"{target.name}.replaced{end}")
        for end in ("", *BESIDE)
    }
    for kept in moves.values():
        if kept.exists():
            raise BackupError(f"{kept} is there already; move it away first")
    if target.exists():
        _refuse_use(target)
    with tempfile.TemporaryDirectory(dir=target.absolute().parent, prefix=".restore-") as folder:
        aside = Path(folder) / "copy"
        shutil.copyfile(copy, aside)
        _move_away(moves)
        _put(aside, target)


def _move_away(moves: Mapping[Path, Path]) -> None:
    """Move a database and what is beside it: that would be replayed into another in its place."""
    for source, kept in moves.items():
        if source.exists():
            source.replace(kept)


def back_up_server(url: str, copy: Path) -> int:
    """Copy a PostgreSQL database into an archive that nobody else may read.

    Returns:
        The size of the archive in bytes.

    Raises:
        BackupError: As `back_up_file`; or PostgreSQL's programs are not there.
    """
    _refuse_overwriting(copy)
    with tempfile.TemporaryDirectory(dir=copy.absolute().parent, prefix=".backup-") as folder:
        aside = Path(folder) / "copy"
        name, password = _named(url)
        options = ("--format=custom", "--no-owner", f"--file={aside}")
        _run("pg_dump", *options, name, password=password)
        check_archive(aside)
        return _put(aside, copy)


def check_archive(path: Path) -> None:
    """See that every row of an archive can be read, and that this program can use it.

    Raises:
        BackupError: It cannot.
    """
    if "migrations" not in _run("pg_restore", "--list", str(path)):
        raise BackupError(f"{path} is no database of Hushwire")
    _run("pg_restore", f"--file={os.devnull}", str(path))
    noted = _run("pg_restore", "--data-only", "--table=migrations", "--file=-", str(path))
    _check_versions(path, ((int(number), sha256) for number, sha256 in _NOTED.findall(noted)))


def restore_server(copy: Path, url: str, *, replace: bool) -> None:
    """Put an archive into a PostgreSQL database, all or nothing.

    Args:
        replace: What is there of Hushwire is dropped first, also what is newer than the archive.

    Raises:
        BackupError: The archive is not good, or something was there that it would meet.
    """
    check_archive(copy)
    cleaning = ("--clean", "--if-exists") if replace else ()
    name, password = _named(url)
    command = ("--quiet", "--no-psqlrc", "--set=ON_ERROR_STOP=1", f"--output={os.devnull}")
    with _started(
        "psql", *command, "--file=-", f"--dbname={name}", password=password, stdin=subprocess.PIPE
    ) as writing:
        assert writing.stdin
        _say(writing, f"BEGIN;\n{_dropping() if replace else ''}")
        with _started(
            "pg_restore", "--no-owner", "--file=-", *cleaning, str(copy), stdout=writing.stdin
        ) as reading:
            _, problem = reading.communicate()
        # Without it nothing is kept: half an archive must not look like a whole one.
        if not reading.returncode:
            _say(writing, "COMMIT;\n")
        _, refusal = writing.communicate()
    if writing.returncode or reading.returncode:
        raise BackupError(f"psql: {(refusal or problem).decode(errors='replace').strip()}")


def _dropping() -> str:
    """What drops all tables of ours that there may be."""
    made = (_TABLE.findall(one.sql) for one in known_migrations())
    tables = ", ".join(["migrations", *chain.from_iterable(made)])
    return f"DROP TABLE IF EXISTS {tables} CASCADE;\n"


def _say(program: "subprocess.Popen[bytes]", text: str) -> None:
    """Give a program something to read, unless it has ended."""
    assert program.stdin
    with contextlib.suppress(BrokenPipeError):
        program.stdin.write(text.encode())
        program.stdin.flush()


def _orphans(connection: apsw.Connection) -> list[tuple[object, ...]]:
    return list(connection.execute("PRAGMA foreign_key_check"))[:1]


def _refuse_overwriting(copy: Path) -> None:
    if copy.exists():
        raise BackupError(f"{copy} is there already; a backup never overwrites another")


def _refuse_use(target: Path) -> None:
    """Refuse if somebody has the database open: only whoever is alone may leave the WAL mode."""
    try:
        connection = apsw.Connection(str(target), flags=apsw.SQLITE_OPEN_READWRITE)
        try:
            # What is beside a damaged one may be all that can still be read: closing keeps it.
            connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
            connection.execute("PRAGMA journal_mode = DELETE")
        finally:
            connection.close()
    except apsw.BusyError:
        raise BackupError(f"{target} is in use; stop the server first") from None
    except apsw.Error:
        return  # it is damaged, which may be why it is to be replaced


def _put(aside: Path, place: Path) -> int:
    """Move a whole file to its place, for its owner alone, so that a power cut cannot halve it."""
    aside.chmod(0o600)
    with aside.open("rb+") as file:
        os.fsync(file.fileno())
    aside.replace(place)
    folder = os.open(place.absolute().parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return place.stat().st_size


def _named(url: str) -> tuple[str, str | None]:
    """The URL as PostgreSQL's programs take it, without its password; and the password.

    Everybody on the machine can read arguments, nobody else the environment.
    """
    parts = urlsplit(url.replace("postgres://", "postgresql://", 1))
    who, at, where = parts.netloc.rpartition("@")
    user, _, secret = who.partition(":")
    options = parts.query.split("&")
    secrets = [one for one in options if one.startswith("password=")]
    query = "&".join(one for one in options if one not in secrets)
    secret = secrets[-1].removeprefix("password=") if secrets else secret
    name = urlunsplit(parts._replace(netloc=f"{user}{at}{where}", query=query))
    return name, unquote(secret) or None


def _run(program: str, *arguments: str, password: str | None = None) -> str:
    with _started(program, *arguments, password=password, stdout=subprocess.PIPE) as running:
        try:
            said, problem = running.communicate(timeout=LIMIT_S)
        except subprocess.TimeoutExpired:
            running.kill()
            raise BackupError(f"{program} has not ended after {LIMIT_S} s") from None
    if running.returncode:
        raise BackupError(f"{program}: {problem.decode(errors='replace').strip()}")
    return said.decode(errors="replace")


def _started(
    program: str, *arguments: str, password: str | None = None, **streams: Any
) -> "subprocess.Popen[bytes]":
    """A program of PostgreSQL that has begun, whose complaints can be read."""
    found = shutil.which(program)
    if not found:
        raise BackupError(f"{program} was not found; on Debian: apt-get install postgresql-client")
    secret = {} if password is None else {"PGPASSWORD": password}
    return subprocess.Popen(  # noqa: S603 - arguments of ours, and no shell
        [found, *arguments],
        stderr=subprocess.PIPE,
        env={**os.environ, **secret},
        **streams,
    )
