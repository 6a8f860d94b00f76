"""What the server shows, logs, stores and holds in memory, and whether our words are in it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import aiohttp
import msgspec

from scripts.demo_parts.canary import Needles
from scripts.demo_parts.memory import listeners, memory_pieces, pieces
from scripts.demo_parts.record import Record

Pages = dict[str, tuple[int, bytes]]

PAGES = {"/health": "", "/metrics": "", "/sessions": "?limit=1000"}

_LOCAL = {"localhost", "127.0.0.1", "::1"}


@dataclass(frozen=True)
class Sought:
    """What is looked for.

    Attributes:
        never_sent: What leaves the two clients in ciphertext only, or not at all.
        dropped: What old clients send beside the ciphertext, and the server must drop.
        control: Ciphertext that the server does hold. Who does not find that has not looked.
    """

    never_sent: Needles
    dropped: Needles
    control: bytes


@dataclass
class Sight:
    """What was found in which amount of data."""

    size_bytes: int = 0
    forms: set[str] = field(default_factory=set)
    has_dropped: bool = False
    has_control: bool = False

    def look(self, sought: Sought, data: Iterable[bytes]) -> Self:
        for piece in data:
            self.size_bytes += len(piece)
            self.forms |= sought.never_sent.found_in(piece)
            self.has_dropped |= bool(sought.dropped.found_in(piece))
            self.has_control |= bool(sought.control) and sought.control in piece
        return self

    def finding(self) -> str:
        parts = [f"planted text as {' and '.join(sorted(self.forms))}"] if self.forms else []
        parts += ["the text of originalContent"] if self.has_dropped else []
        return f"FOUND {', '.join(parts)}" if parts else "nothing of ours"


async def fetch_pages(http: aiohttp.ClientSession, token: str | None) -> Pages:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    fetched: Pages = {}
    for path, query in PAGES.items():
        async with http.get(path + query, headers=headers) as response:
            fetched[path] = (response.status, await response.read())
    return fetched


def check_relayed(record: Record, sought: Sought, heard: list[Any]) -> None:
    """Everything that the server sent to its clients."""
    # MessagePack leaves text and binary as they are.
    sight = Sight().look(sought, map(msgspec.msgpack.encode, heard))
    _check(record, "relayed", sight, f"{len(heard)} events and answers")


def check_pages(record: Record, sought: Sought, pages: Pages) -> None:
    for path, (status, body) in pages.items():
        if status in (401, 403):
            why = "operators only; give --admin-token-file, --data-dir or ADMIN_TOKEN"
            record.not_looked_at(path, why)
        elif status != 200:
            record.check(path, False, f"answered {status}")
        else:
            _check(record, path, Sight().look(sought, [body]), f"{len(body):,} bytes")


def check_log(record: Record, sought: Sought, log: Path | None) -> None:
    if log is None:
        record.not_looked_at("log", "give --log FILE")
        return
    try:
        sight = Sight().look(sought, _file_pieces([log], sought))
    except OSError as error:
        record.check("log", False, f"cannot be read: {error}")
        return
    if not sight.size_bytes:
        record.check("log", False, f"{log} is empty: is it this server's?")
        return
    _check(record, "log", sight, f"{sight.size_bytes:,} bytes")


def check_data_folder(record: Record, sought: Sought, folder: Path | None) -> None:
    if folder is None:
        record.not_looked_at("data folder", "give --data-dir DIR")
        return
    files = [path for path in folder.rglob("*") if path.is_file()]
    try:
        sight = Sight().look(sought, _file_pieces(files, sought))
    except OSError as error:
        record.check("data folder", False, f"cannot be read: {error}")
        return
    if not files:
        record.check("data folder", False, f"{folder} holds no file: is it this server's?")
        return
    _check(record, "data folder", sight, f"{len(files)} files, {sight.size_bytes:,} bytes")


def check_memory(record: Record, sought: Sought, pids: list[int], url: str) -> None:
    """The memory of the server's processes: those given, else those that can be found."""
    found = pids or local_servers(url)
    if not found:
        why = "no process of the server is found on this machine; give --pid PID"
        record.not_looked_at("memory", why)
        return
    names = "process " + ", ".join(map(str, found))
    overlap_bytes = sought.never_sent.longest_bytes
    data = (piece for pid in found for piece in memory_pieces(pid, overlap_bytes))
    try:
        sight = Sight().look(sought, data)
    except OSError as error:
        problem = f"{names}: {error.strerror}; the server's user may look, or root"
    else:
        if sight.has_control:
            _judge_memory(record, sight, names)
            return
        problem = f"{names} does not hold our ciphertext; is it a proxy, or another server?"
    if pids:
        record.check("memory", False, problem)
    else:
        record.not_looked_at("memory", problem)


def _judge_memory(record: Record, sight: Sight, names: str) -> None:
    traces = "The text of [old] is there as well" if sight.has_dropped else "Of [old] is no trace"
    # It did pass through the server's receive buffers: not judged here.
    sight.has_dropped = False
    finding = sight.finding()
    record.check(
        "memory",
        not sight.forms,
        f"{names}, {sight.size_bytes / 1e6:.0f} MB: {finding}; our ciphertext is in there, so we "
        f"looked in the right place. {traces} (freed or not cannot be told: not judged)",
    )


def _check(record: Record, about: str, sight: Sight, where: str) -> None:
    clean = not sight.forms and not sight.has_dropped
    record.check(about, clean, f"{where}: {sight.finding()}")


def _file_pieces(paths: Iterable[Path], sought: Sought) -> Iterator[bytes]:
    overlap_bytes = max(sought.never_sent.longest_bytes, sought.dropped.longest_bytes)
    for path in paths:
        with path.open("rb") as file:
            yield from pieces(file, path.stat().st_size, overlap_bytes)


def local_servers(url: str) -> list[int]:
    """The processes of the server at a URL, if that is on this machine."""
    parts = urlsplit(url)
    if parts.hostname not in _LOCAL:
        return []
    return listeners(parts.port or 80)
