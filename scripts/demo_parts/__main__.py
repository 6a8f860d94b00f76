"""`scripts/demo`: plays the story against a running server, then examines the server."""

import argparse
import asyncio
import os
import re
import sys
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp

from scripts.demo_parts import evidence
from scripts.demo_parts.canary import Needles, new_canary
from scripts.demo_parts.channel.story import PEOPLE, ChannelStory
from scripts.demo_parts.line import LIMIT_S, DemoError
from scripts.demo_parts.protocol.cards import is_name
from scripts.demo_parts.protocol.link import Link, read_link
from scripts.demo_parts.protocol.refusal import LinkError, RefusedError
from scripts.demo_parts.record import Record
from scripts.demo_parts.secure_chat.play import Drama, play
from scripts.demo_parts.secure_chat.story import Story as SecureChatStory
from scripts.demo_parts.story import Story
from scripts.demo_parts.strangers.talk import StrangersTalk
from scripts.demo_parts.talk import Talk

DEFAULT_URL = "http://localhost:3001"

FAILED = 1
UNREACHABLE = 2

DRAMAS = {
    "secure chat": Drama(
        "secure chat",
        ("Alice", "Bob"),
        lambda http, _url, record, canary: SecureChatStory(http, record, canary),
    ),
    "channel": Drama("a channel of a workspace", PEOPLE, ChannelStory),
}
"""Stories of people with accounts."""

_PLANTED = (
    "[canary] is planted text, another one in every run. It is in every message, in the name and "
    "the content of the file, and in the display names. It leaves the clients in ciphertext only. "
    "It, the secret of the link and the private keys were looked for as {forms} patterns: plain, "
    "UTF-16, UTF-32, JSON and percent escapes, hex, base64, base64url."
)
_DROPPED = (
    "[old] is a second one, in the originalContent of every message: old clients send that in "
    "plaintext, and the server must drop it. It was looked for everywhere except in memory, where "
    "buffers that were freed after receiving may still hold its bytes."
)


class UnreachableError(Exception):
    """No Hushwire server answers; the text says what happened instead."""


def main() -> int:
    """Run the demo, or join a session by its link, or a group of strangers.

    Returns:
        The exit status: 0, 1 if anything failed, 2 if the server cannot be reached.
    """
    arguments = _parser().parse_args()
    if arguments.drama:
        return play(DRAMAS[arguments.drama], arguments)
    arguments.url = arguments.url or DEFAULT_URL
    if arguments.strangers:
        return _run(StrangersTalk(arguments.url, arguments.name, _show))
    return _join(arguments) if arguments.link else _play(arguments)


def _join(arguments: argparse.Namespace) -> int:
    origin, link = arguments.link
    return _run(Talk(origin or arguments.url, link, arguments.name, arguments.files, _show))


def _run(talk: Talk | StrangersTalk) -> int:
    try:
        asyncio.run(talk.run())
    except DemoError as error:
        print(f"hushwire: {error}", file=sys.stderr)
        return FAILED
    return 0


def _show(line: str) -> None:
    print(line, flush=True)


def _play(arguments: argparse.Namespace) -> int:
    canary, old = new_canary("[canary]", arguments.canary), new_canary("[old]")
    record = Record(lambda text: old.hide(canary.hide(text)))
    record.begin("What Alice and Bob saw")
    story = Story(arguments.url, record, canary, old)
    try:
        pages = asyncio.run(_talk(arguments, record, story))
    except UnreachableError as error:
        print(f"hushwire: {error}; scripts/serve starts one, or give its URL", file=sys.stderr)
        return UNREACHABLE
    sought = evidence.Sought(Needles([canary], story.secrets()), Needles([old]), story.control)
    record.begin("What the server had of it")
    evidence.check_relayed(record, sought, story.everything_heard())
    evidence.check_pages(record, sought, pages)
    evidence.check_log(record, sought, arguments.log)
    evidence.check_data_folder(record, sought, arguments.data_dir)
    evidence.check_memory(record, sought, arguments.pid, arguments.url)
    title = f"Hushwire demo: {arguments.url}, session {story.link.relay_session_id}"
    print(record.render(title, [_PLANTED.format(forms=len(sought.never_sent)), _DROPPED]))
    return FAILED if record.count(False) else 0


async def _talk(arguments: argparse.Namespace, record: Record, story: Story) -> evidence.Pages:
    timeout = aiohttp.ClientTimeout(total=LIMIT_S)
    async with aiohttp.ClientSession(arguments.url, timeout=timeout) as http:
        await _check_health(arguments.url, http)
        try:
            await story.play(http)
        except (DemoError, RefusedError, aiohttp.ClientError, TimeoutError) as error:
            record.check("story", False, f"broke off: {_reason(error)}")
        except (LookupError, TypeError, ValueError) as error:
            record.check("story", False, f"broke off at a strange answer: {error!r}")
        finally:
            await asyncio.gather(*(person.disconnect() for person in story.people))
        try:
            return await evidence.fetch_pages(http, _operators_token(arguments))
        except (aiohttp.ClientError, TimeoutError) as error:
            record.check("pages", False, f"cannot be had: {_reason(error)}")
            return {}


async def _check_health(url: str, http: aiohttp.ClientSession) -> None:
    try:
        async with http.get("/health") as response:
            health = await response.json()
    except aiohttp.ContentTypeError:
        raise UnreachableError(f"what answers at {url} is not Hushwire") from None
    except (aiohttp.ClientError, TimeoutError) as error:
        raise UnreachableError(f"no server answers at {url} ({_reason(error)})") from None
    if not isinstance(health, dict) or health.get("status") != "ok":
        raise UnreachableError(f"what answers at {url} is not Hushwire, or not well")


def _reason(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorError) and (error.errno or 0) > 0:
        return os.strerror(error.errno or 0)
    return str(error) or "no answer in time"


def _operators_token(arguments: argparse.Namespace) -> str | None:
    kept = arguments.data_dir / "admin-token" if arguments.data_dir else None
    file = arguments.admin_token_file or (kept if kept and kept.is_file() else None)
    return file.read_text().strip() if file else os.environ.get("ADMIN_TOKEN")


# --- arguments ---


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/demo",
        description="Two people talk over a running server, end-to-end encrypted, and then look "
        "for their words in all that the server relayed, shows, logs, stores and holds in memory. "
        "Or, with --link, somebody joins a session of other people, and talks there line by line; "
        "or, with --strangers, in a random group.",
        epilog="Exit status: 0, 1 if anything failed, 2 if the server cannot be reached.",
    )
    parser.add_argument(
        "url", nargs="?", type=_url, help=f"[{DEFAULT_URL}; with accounts a server of its own]"
    )
    with_accounts = parser.add_mutually_exclusive_group()
    with_accounts.add_argument(
        "--secure-chat",
        action="store_const",
        dest="drama",
        const="secure chat",
        help="accounts and devices instead, whose messages wait; a server of its own keeps what it "
        "keeps where DATABASE_URL and REDIS_URL say, and is examined with its database and backup",
    )
    with_accounts.add_argument(
        "--channel",
        action="store_const",
        dest="drama",
        const="channel",
        help="the same of three in an encrypted channel of a workspace, with a file; one leaves, "
        "and tries to read on",
    )
    parser.add_argument(
        "--pid",
        type=int,
        action="append",
        default=[],
        help="process whose memory to look into, once for each; found by itself on this machine",
    )
    parser.add_argument("--log", type=_file, metavar="FILE", help="the server's log")
    parser.add_argument("--data-dir", type=_folder, metavar="DIR", help="the server's data folder")
    parser.add_argument(
        "--admin-token-file",
        type=_file,
        metavar="FILE",
        help="the operators' token, for /sessions and /metrics; else ADMIN_TOKEN, or DIR's",
    )
    parser.add_argument(
        "--canary",
        type=_stem,
        metavar="TEXT",
        help="plant this instead of something random, to see that a leak is found",
    )
    joining = parser.add_argument_group("joining others")
    where = joining.add_mutually_exclusive_group()
    where.add_argument(
        "--link", type=_link, help="of a session, as the page shows it; or what stands after #"
    )
    where.add_argument(
        "--strangers", action="store_true", help="whoever is met in a random group, as a guest"
    )
    joining.add_argument("--name", type=_name, default="Guest", help="your name [%(default)s]")
    joining.add_argument(
        "--files", type=_folder, metavar="DIR", help="fetch files that others offer to here"
    )
    return parser


def _link(text: str) -> tuple[str, Link]:
    """The server's address, if it is in the link, and the link."""
    parts = urlsplit(text)
    origin = f"{parts.scheme}://{parts.netloc}" if parts.fragment else ""
    try:
        return origin, read_link(text)
    except LinkError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _name(text: str) -> str:
    if not is_name(text):
        raise argparse.ArgumentTypeError("must be 1 to 64 characters on one line")
    return text


def _url(text: str) -> str:
    if not re.fullmatch(r"https?://[^/?#\s]+/?", text):
        raise argparse.ArgumentTypeError("must be as http://localhost:3001")
    return text.rstrip("/")


def _file(text: str) -> Path:
    if not Path(text).is_file():
        raise argparse.ArgumentTypeError(f"there is no file {text}")
    return Path(text)


def _folder(text: str) -> Path:
    if not Path(text).is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {text}")
    return Path(text)


def _stem(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9-]{12,64}", text):
        raise argparse.ArgumentTypeError("must be 12 to 64 letters, digits and dashes")
    return text


if __name__ == "__main__":
    sys.exit(main())
