"""`scripts/migrate`, `scripts/backup`, `scripts/restore`: what operators do with the database."""

import argparse
import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path

from dotenv import dotenv_values

from server.core.errors import AppError
from server.settings import Settings, SettingsError, load
from server.stores.durable import FILE_NAME
from server.stores.sql.backup import (
    BackupError,
    back_up_file,
    back_up_server,
    check_archive,
    check_file,
    restore_file,
    restore_server,
)
from server.stores.sql.database import DatabaseAwayError
from server.stores.sql.migrations import migrate, pending
from server.stores.sql.opening import database_at, file_of

FAILED = 1


def main(argv: list[str] | None = None) -> int:
    """Do one of them.

    Returns:
        The exit status: 0, or 1 with the reason on standard error.
    """
    arguments = _parser().parse_args(argv)
    try:
        told = arguments.do(load({**_dotenv(arguments.env_file), **os.environ}), arguments)
    except (SettingsError, DatabaseAwayError, BackupError, OSError) as error:
        print(f"hushwire: {error}", file=sys.stderr)
        return FAILED
    except AppError as error:
        print(f"hushwire: {error.message}", file=sys.stderr)
        return FAILED
    print(told)
    return 0


def _migrate(settings: Settings, arguments: argparse.Namespace) -> str:
    return asyncio.run(_migrated(settings, is_dry=arguments.dry_run))


async def _migrated(settings: Settings, *, is_dry: bool) -> str:
    database = database_at(settings.database_url, settings.data_dir / FILE_NAME)
    try:
        await database.start()
        found = await (pending if is_dry else migrate)(database)
    finally:
        await database.close()
    names = ", ".join(f"{one.number:04} {one.name}" for one in found)
    if not names:
        return f"{database.name}: up to date"
    return f"{database.name}: {'to be applied' if is_dry else 'applied'}: {names}"


def _back_up(settings: Settings, arguments: argparse.Namespace) -> str:
    file = file_of(settings.database_url, settings.data_dir / FILE_NAME)
    copy: Path = arguments.relative_to / arguments.file
    size = back_up_file(file, copy) if file else back_up_server(str(settings.database_url), copy)
    return f"{copy}: {size:,} bytes, read back and found whole"


def _restore(settings: Settings, arguments: argparse.Namespace) -> str:
    file = file_of(settings.database_url, settings.data_dir / FILE_NAME)
    copy: Path = arguments.relative_to / arguments.file
    if arguments.check:
        check_file(copy) if file else check_archive(copy)
        return f"{copy}: whole"
    if file:
        restore_file(copy, file, replace=arguments.replace)
    else:
        restore_server(copy, str(settings.database_url), replace=arguments.replace)
    return f"{copy}: restored"


def _dotenv(path: Path) -> dict[str, str]:
    return {name: value or "" for name, value in dotenv_values(path, interpolate=False).items()}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="hushwire-maintenance", description=__doc__)
    parser.add_argument("--env-file", type=Path, default=Path(".env"), help="settings [.env]")
    parser.add_argument(
        "--relative-to", type=Path, default=Path(), help="the folder of a FILE without one [.]"
    )
    ways = parser.add_subparsers(required=True)

    def add(
        name: str, do: Callable[[Settings, argparse.Namespace], str], summary: str
    ) -> argparse.ArgumentParser:
        way = ways.add_parser(name, help=summary, description=summary)
        way.set_defaults(do=do)
        return way

    add("migrate", _migrate, "Bring the schema of the database up to date").add_argument(
        "--dry-run", action="store_true", help="only tell what would be applied"
    )
    add("backup", _back_up, "Copy the database while it is in use, and read the copy").add_argument(
        "file", type=Path, help="to be made"
    )
    restore = add("restore", _restore, "Put a copy back, with the server stopped")
    restore.add_argument("file", type=Path, help="that backup has made")
    restore.add_argument("--replace", action="store_true", help="a database that is there")
    restore.add_argument("--check", action="store_true", help="only see whether it is whole")
    return parser


if __name__ == "__main__":
    sys.exit(main())
