"""Plays a story of people with accounts, then looks for its secrets everywhere."""

import argparse
import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Protocol

import aiohttp

from scripts.audit_parts.everywhere import Places, look_everywhere
from scripts.audit_parts.files import Files
from scripts.audit_parts.forms import Needles, Secret
from scripts.audit_parts.looks import Look, not_asked
from scripts.audit_parts.pages import look_at_pages
from scripts.audit_parts.search import Search
from scripts.demo_parts.canary import Canary, new_canary
from scripts.demo_parts.line import LIMIT_S, DemoError
from scripts.demo_parts.protocol.refusal import RefusedError
from scripts.demo_parts.record import Record
from scripts.demo_parts.secure_chat.memory import look_at_memory
from scripts.demo_parts.secure_chat.stand import Stand, own_server
from server.administration import RefusedError as NoTokenError
from server.administration import admin_token
from server.settings import SettingsError, load

FAILED = 1

_PLANTED = (
    "[canary] is planted text, another one in every run; it is in every message. It and {keys} "
    "private keys, shared secrets and message keys leave the devices in ciphertext only, or not "
    "at all; {others} passwords and tokens do leave them, and must not be kept. All were looked "
    "for as {forms} patterns: plain, UTF-16, UTF-32, JSON and percent escapes, base64, base64url "
    "and hex, and that inside of gzip, too."
)

_BROKEN = (DemoError, RefusedError, aiohttp.ClientError, TimeoutError)
_STRANGE = (LookupError, TypeError, ValueError)


class Story(Protocol):
    """What people do, and what they know."""

    control: str

    async def play(self) -> None: ...

    async def leave(self) -> None: ...

    async def clean_up(self) -> None: ...

    def everything_heard(self) -> list[str]: ...

    def secrets(self) -> set[Secret]: ...


@dataclass(frozen=True)
class Drama:
    """A story that can be played.

    Attributes:
        about: Of what it is a demo.
        begin: Given HTTP, the server's URL, the record and the planted text.
    """

    about: str
    people: tuple[str, ...]
    begin: Callable[[aiohttp.ClientSession, str, Record, Canary], Story]


def play(drama: Drama, arguments: argparse.Namespace) -> int:
    """Play a story on a server of its own, or on the one at a URL.

    Returns:
        The exit status: 0, or 1 if anything failed.
    """
    canary = new_canary("[canary]", arguments.canary)
    record = Record(canary.hide, drama.people)
    try:
        with _stand(arguments) as stand:
            note = asyncio.run(_play(drama, stand, record, canary))
    except (DemoError, SettingsError, NoTokenError, aiohttp.ClientError, OSError) as error:
        print(f"hushwire: {error}", file=sys.stderr)
        return FAILED
    print(record.render(f"Hushwire demo of {drama.about}: {stand.url}", [note]))
    return FAILED if record.count(False) else 0


def _stand(arguments: argparse.Namespace) -> AbstractContextManager[Stand]:
    if not arguments.url:
        return own_server()
    environment = {**os.environ}
    if arguments.data_dir:
        environment["DATA_DIR"] = str(arguments.data_dir)
    if arguments.admin_token_file:
        environment["ADMIN_TOKEN"] = arguments.admin_token_file.read_text().strip()
    is_known = bool(arguments.data_dir or environment.get("DATABASE_URL"))
    return nullcontext(Stand(arguments.url, environment, arguments.log, is_known=is_known))


async def _play(drama: Drama, stand: Stand, record: Record, canary: Canary) -> str:
    """Fill the record; returns what is said above it of the secrets."""
    timeout = aiohttp.ClientTimeout(total=LIMIT_S)
    async with aiohttp.ClientSession(stand.url, timeout=timeout) as http:
        story = drama.begin(http, stand.url, record, canary)
        record.begin(f"What {', '.join(drama.people[:-1])} and {drama.people[-1]} saw")
        try:
            try:
                await story.play()
            except _BROKEN as error:
                record.check("story", False, f"broke off: {error or 'no answer in time'}")
            except _STRANGE as error:
                record.check("story", False, f"broke off at a strange answer: {error!r}")
            record.begin("What the server had of it")
            unsent, unkept = _guarded(story.secrets(), canary)
            _check_relayed(record, unsent, story.everything_heard())
            async for look in _looks(stand, http, [*unsent, *unkept], story.control):
                _judge(record, look)
            _judge(
                record, await asyncio.to_thread(look_at_memory, stand.url, unsent, story.control)
            )
        finally:
            await _end(story, record)
    return _PLANTED.format(
        keys=sum(one.label != "a message" for one in unsent),
        others=len(unkept),
        forms=len(Needles([*unsent, *unkept])),
    )


def _guarded(secrets: Iterable[Secret], canary: Canary) -> tuple[list[Secret], list[Secret]]:
    """What never leaves a device but in ciphertext, and what is sent, and must not be kept."""
    words = [Secret("a message", one) for one in (canary.stem, canary.text)]
    keys = [one for one in secrets if one.label.endswith("key")]
    others = [one for one in secrets if not one.label.endswith("key")]
    return [*words, *keys], others


async def _end(story: Story, record: Record) -> None:
    await story.leave()
    try:
        await story.clean_up()
    except _BROKEN as error:
        record.check("end", False, f"the accounts are still there: {error}")


def _check_relayed(record: Record, secrets: Sequence[Secret], heard: list[str]) -> None:
    """All that the server has sent to its clients."""
    search = Search(Needles(secrets))
    for text in heard:
        search.feed_value(text.encode())
    look = Look("relayed", detail=f"{len(heard)} answers and frames").take(search)
    _judge(record, look)


async def _looks(
    stand: Stand, http: aiohttp.ClientSession, secrets: Sequence[Secret], control: str
) -> AsyncIterator[Look]:
    logs = [stand.log] if stand.log else []
    if stand.is_known:
        settings, backups = load(stand.environment), []
        try:
            backups = stand.back_up()
        except DemoError as error:
            yield not_asked("backup", str(error))
        places = Places(settings, stand.url, admin_token(settings), logs, backups)
        async for look in look_everywhere(places, http, secrets, control):
            yield look
        return
    yield not_asked("database", "give --data-dir DIR, or DATABASE_URL")
    needles = Needles(secrets)
    for look in await look_at_pages(http, stand.environment.get("ADMIN_TOKEN"), needles):
        yield look
    for log in logs:
        yield Files(needles, Needles(secrets, cut=True)).look("log", log)


def _judge(record: Record, look: Look) -> None:
    if look.problem and not look.is_wanted:
        record.not_looked_at(look.what, look.problem)
        return
    found = ", ".join(f"{one.label} as {one.form}" for one in sorted(look.found))
    said = f"FOUND {found}" if found else look.problem or "nothing of ours"
    if look.what == "control" and not look.problem:
        said = "our ciphertext is in there, so we looked in the right place"
    size = ", ".join(filter(None, (look.where, look.detail, f"{look.size_bytes:,} bytes")))
    record.check(look.what, not (look.found or look.problem), f"{size}: {said}")
