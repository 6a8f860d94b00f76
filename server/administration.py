"""`scripts/admin`: what operators do, through a server that runs."""

import argparse
import json
import os
import sys
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from dotenv import dotenv_values

from server.datadir import read_secret
from server.settings import Settings, SettingsError, load

FAILED = 1

LIMIT_S = 30
"""For an answer."""

PAGE = 200

_ALL_ADDRESSES = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where to ask, not listen


class RefusedError(Exception):
    """The server does not do it, or cannot be had; the text says why."""


class Server:
    """A server, as its operators reach it.

    Args:
        url: Without a slash at the end.
    """

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._token = token

    def ask(self, method: str, path: str, body: Any = None, **query: object) -> Any:
        """What it answers.

        Args:
            body: Sent as JSON if there is one.

        Raises:
            RefusedError: It refuses, or cannot be had.
        """
        wanted = {name: value for name, value in query.items() if value is not None}
        request = urllib.request.Request(  # noqa: S310 - the operator says where
            f"{self._url}{path}?{urlencode(wanted)}",
            None if body is None else json.dumps(body).encode(),
            {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"},
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=LIMIT_S) as answer:  # noqa: S310
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise RefusedError(_reason(error)) from None
        except (OSError, ValueError) as error:
            raise RefusedError(f"{self._url}: {error}") from None

    def pages(self, path: str, read: Callable[[Any], Any], field: str) -> Iterator[Any]:
        """All entries of a list that comes in pages."""
        after = None
        while True:
            page = read(self.ask("GET", path, after=after, limit=PAGE))
            yield from page[field]
            after = page["next"]
            if after is None:
                return

    def user_id_of(self, who: str) -> str:
        """The id of the account with this name, e-mail address or id.

        Raises:
            RefusedError: There is none.
        """
        found = self.ask("GET", "/api/admin/accounts", name=who)["data"]["accounts"]
        if not found:
            raise RefusedError(f"there is no account {who!r}")
        return str(found[0]["userId"])

    def change(self, who: str, what: str, body: Any = None) -> Any:
        """Have something done to an account."""
        path = f"/api/admin/accounts/{quote(self.user_id_of(who), safe='')}/{what}"
        return self.ask("POST", path, body)["data"]


def main(argv: list[str] | None = None) -> int:
    """Do one thing.

    Returns:
        The exit status: 0, or 1 with the reason on standard error.
    """
    arguments = _parser().parse_args(argv)
    try:
        settings = load({**_dotenv(arguments.env_file), **os.environ})
        server = Server(arguments.url or own_url(settings), admin_token(settings))
        for line in arguments.do(server, arguments):
            print(line)
    except (SettingsError, RefusedError, OSError, ValueError) as error:
        print(f"hushwire: {error}", file=sys.stderr)
        return FAILED
    return 0


def _list(server: Server, _: argparse.Namespace) -> Iterator[str]:
    for one in server.pages("/api/admin/accounts", lambda answer: answer["data"], "accounts"):
        state = f"banned {one['bannedAt']}" if one["bannedAt"] else "-"
        yield "\t".join((one["userId"], one["username"], one["email"], one["createdAt"], state))


def _ban(server: Server, arguments: argparse.Namespace) -> Iterator[str]:
    yield f"banned {server.change(arguments.who, 'ban')['userId']}"


def _unban(server: Server, arguments: argparse.Namespace) -> Iterator[str]:
    yield f"let in again {server.change(arguments.who, 'unban')['userId']}"


def _promote(server: Server, arguments: argparse.Namespace) -> Iterator[str]:
    yield f"an operator {server.change(arguments.who, 'promote')['userId']}"


def _demote(server: Server, arguments: argparse.Namespace) -> Iterator[str]:
    yield f"no operator any more {server.change(arguments.who, 'demote')['userId']}"


def _revoke_devices(server: Server, arguments: argparse.Namespace) -> Iterator[str]:
    body = {"deviceId": arguments.device} if arguments.device else {}
    for one in server.change(arguments.who, "revoke-devices", body)["revoked"]:
        yield f"revoked {one}"


def _reset_password(server: Server, arguments: argparse.Namespace) -> Iterator[str]:
    made = server.change(arguments.who, "reset-password")
    yield f"{made['temporaryPassword']} signs {made['userId']} in once, and must then be changed"


def _reports(server: Server, _: argparse.Namespace) -> Iterator[str]:
    for one in server.pages("/api/admin/reports", lambda answer: answer, "reports"):
        yield json.dumps(one)


def _rotate_keys(server: Server, arguments: argparse.Namespace) -> Iterator[str]:
    for one in arguments.workspace:
        path = f"/api/admin/workspaces/{quote(one, safe='')}/rotate-key"
        yield f"{one} seals under key {server.ask('POST', path)['version']} from now on"


def _rewrap_keys(server: Server, _: argparse.Namespace) -> Iterator[str]:
    count, lost, after = 0, Counter[str](), None
    while True:
        done = server.ask("POST", "/api/admin/workspaces/rewrap-keys", {"after": after})
        count += done["rewrapped"]
        lost.update(done["lost"])
        after = done["next"]
        if after is None:
            break
    yield f"{count} keys of workspaces are under the first master key now that were not"
    if lost:
        named = ", ".join(f"{keys} under {name}" for name, keys in sorted(lost.items()))
        raise RefusedError(
            f"{lost.total()} keys are under a master key that the server does not have ({named}): "
            "what they seal cannot be opened. Add the lost one to MASTER_KEY, behind the first"
        )


def _reason(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.load(error)["message"])
    except (ValueError, KeyError, TypeError):
        return f"the server answers {error.code}"


def own_url(settings: Settings) -> str:
    scheme = "https" if settings.tls_cert else "http"
    host = _ALL_ADDRESSES.get(settings.host, settings.host)
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{settings.port}"


def admin_token(settings: Settings) -> str:
    """The operators' token, from the settings or as the server has made it."""
    if settings.admin_token:
        return settings.admin_token
    file = settings.data_dir / "admin-token"
    if not file.exists():
        raise RefusedError(
            f"ADMIN_TOKEN is not set, and {file} is not there; set it, or start the server"
        )
    return read_secret(file)


def _dotenv(path: Path) -> dict[str, str]:
    return {name: value or "" for name, value in dotenv_values(path, interpolate=False).items()}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="hushwire-admin", description=__doc__)
    parser.add_argument("--env-file", type=Path, default=Path(".env"), help="settings [.env]")
    parser.add_argument("--url", help="of the server [that of the settings]")
    ways = parser.add_subparsers(required=True)

    def add(
        name: str, do: Callable[[Server, argparse.Namespace], Iterator[str]], summary: str
    ) -> argparse.ArgumentParser:
        way = ways.add_parser(name, help=summary, description=summary)
        way.set_defaults(do=do)
        return way

    add("list", _list, "List accounts: id, name, e-mail address, since when, and whether banned")
    add("reports", _reports, "Read what members of random groups reported, a JSON object a line")
    for name, do, summary in (
        ("ban", _ban, "Sign an account out everywhere, and let it in no more"),
        ("unban", _unban, "Let an account in again"),
        ("promote", _promote, "Let an account do what operators may"),
        ("demote", _demote, "Make an account no operator any more"),
        ("reset-password", _reset_password, "Give an account a password that signs in once"),
    ):
        add(name, do, summary).add_argument("who", help="name, e-mail address or id")
    revoke = add(
        "revoke-devices",
        _revoke_devices,
        "End a device for good, or all of whoever has lost them and begins anew",
    )
    revoke.add_argument("who", help="name, e-mail address or id")
    revoke.add_argument("device", nargs="?", help="id of the one device [all]")
    rotate = add(
        "rotate-keys", _rotate_keys, "Have everything in a workspace sealed under another key"
    )
    rotate.add_argument("workspace", nargs="+", help="its id")
    add(
        "rewrap-keys",
        _rewrap_keys,
        "Keep the keys of all workspaces under the first key of MASTER_KEY",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
