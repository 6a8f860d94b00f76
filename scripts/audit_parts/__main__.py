"""`scripts/audit-blindness`: looks for secrets in all that a running deployment keeps and shows."""

import argparse
import asyncio
import os
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
from dotenv import dotenv_values

from scripts.audit_parts.everywhere import Places, look_everywhere
from scripts.audit_parts.forms import Secret
from scripts.audit_parts.looks import FOUND, INCOMPLETE, Look, status_of
from scripts.audit_parts.planting import planted
from scripts.demo_parts.line import DemoError
from server.administration import RefusedError, admin_token, own_url
from server.settings import SettingsError, load

LIMIT_S = 60

_STOPPED = (SettingsError, RefusedError, DemoError, aiohttp.ClientError)

_VERDICTS = {
    0: "nothing was found",
    FOUND: "FOUND: somebody can read what nobody should",
    INCOMPLETE: "nothing was found, but not all could be looked at",
}


def main(argv: list[str] | None = None) -> int:
    """Look everywhere.

    Returns:
        The exit status: 0 if nothing was found, 1 if something was, 2 if not all could be
        looked at.
    """
    arguments = _parsed(argv)
    try:
        secrets = list(_read_secrets(arguments.canaries))
        places = _places(arguments)
        looks = asyncio.run(_audit(places, secrets, is_planting=arguments.plant))
    except (*_STOPPED, OSError, ValueError) as error:
        print(f"hushwire: {error}", file=sys.stderr)
        return INCOMPLETE
    status = status_of(looks)
    print(_VERDICTS[status])
    return status


async def _audit(places: Places, secrets: list[Secret], *, is_planting: bool) -> list[Look]:
    control = ""
    async with AsyncExitStack() as stack:
        timeout = aiohttp.ClientTimeout(total=LIMIT_S)
        http = await stack.enter_async_context(aiohttp.ClientSession(places.url, timeout=timeout))
        if is_planting:
            own = await stack.enter_async_context(planted(http))
            secrets, control = [*secrets, *own.secrets], own.control
        print(f"looking for {len(secrets)} secrets", flush=True)
        looks = []
        async for look in look_everywhere(places, http, secrets, control):
            print(look.line(), flush=True)
            looks.append(look)
        return looks


# --- what is looked for, and where ---


def _read_secrets(file: Path | None) -> Iterator[Secret]:
    """The lines of a file, or of standard input."""
    if file is None:
        return
    text = sys.stdin.read() if str(file) == "-" else file.read_text()
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            yield Secret(f"line {number}", line.strip())


def _places(arguments: argparse.Namespace) -> Places:
    dotenv = dotenv_values(arguments.env_file, interpolate=False)
    settings = load({**{name: value or "" for name, value in dotenv.items()}, **os.environ})
    return Places(
        settings=settings,
        url=arguments.url or own_url(settings),
        token=admin_token(settings),
        logs=[arguments.relative_to / one for one in arguments.log],
        backups=[arguments.relative_to / one for one in arguments.backup],
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/audit-blindness",
        description="Look for secrets in all that a running server keeps and shows: its database, "
        "data folder and Redis, as the settings name them; its pages for operators; logs and "
        "backups. Each secret is sought as it is, in UTF-16 and UTF-32, escaped for JSON and "
        "URLs, in base64 and hex, and all that inside of gzip. None is ever printed.",
        epilog="Exit status: 0 if nothing was found, 1 if something was, 2 if not all could be "
        "looked at.",
    )
    parser.add_argument(
        "--canaries", type=Path, metavar="FILE", help="secrets, one a line; - for standard input"
    )
    parser.add_argument(
        "--plant",
        action="store_true",
        help="have two throw-away accounts send a message, and talk and send files in a "
        "workspace, and look for all that, for their passwords, private keys and tokens; then "
        "delete them",
    )
    parser.add_argument(
        "--log", type=Path, action="append", default=[], help="a log file or folder of such"
    )
    parser.add_argument(
        "--backup", type=Path, action="append", default=[], help="a backup or folder of such"
    )
    parser.add_argument("--url", help="of the server [that of the settings]")
    parser.add_argument("--env-file", type=Path, default=Path(".env"), help="settings [.env]")
    parser.add_argument("--relative-to", type=Path, default=Path(), help=argparse.SUPPRESS)
    return parser


def _parsed(argv: list[str] | None) -> argparse.Namespace:
    parser = _parser()
    arguments = parser.parse_args(argv)
    if not (arguments.canaries or arguments.plant):
        parser.error("give --canaries FILE, or --plant, or both")
    if arguments.canaries and str(arguments.canaries) != "-":
        arguments.canaries = arguments.relative_to / arguments.canaries
    return arguments


if __name__ == "__main__":
    sys.exit(main())
