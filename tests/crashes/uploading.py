"""Uploads by a process that dies at a moment of one's choice, and what is left of them."""

import asyncio
import multiprocessing
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from server.apis.workspaces import WORKSPACES
from server.core.chat import Chat
from server.core.errors import AppError, Code
from server.core.identity import User
from server.core.ids import RoomId, UserId
from server.core.kinds import Kind
from server.core.ports.files import ByteStream
from server.core.workspaces.channels import ChannelWish
from server.core.workspaces.files import UNSENT_MS, Files
from server.stores.sql.steps import value
from tests.clocks import ManualClock
from tests.crashes.migrating import Blow
from tests.servers import ADMIN_TOKEN, SECRET, RunningServer, running

ALICE = User(user_id=UserId("alice"), login="alice", expires_ms=None)

PIECE = bytes(1 << 20)
"""What the disk is given at once."""

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload([__name__])

_COUNTS = (
    "SELECT COUNT(*) FROM files",
    "SELECT COALESCE(SUM(file_bytes), 0) FROM workspaces",
    "SELECT COALESCE(SUM(bytes), 0) FROM stored_bytes",
)


class Doomed:
    """A store of which whatever is asked may be the last, before it is done or after."""

    def __init__(self, real: Any, blow: Blow) -> None:
        self._real = real
        self._blow = blow

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        async def doomed(*arguments: Any) -> Any:
            self._blow.fall()
            result = await getattr(self._real, name)(*arguments)
            self._blow.fall()
            return result

        return doomed


def _server(url: str, folder: Path, clock: ManualClock) -> Any:
    settings = {"DATABASE_URL": url, "DATA_DIR": folder}
    secrets = {"JWT_SECRET": SECRET, "ADMIN_TOKEN": ADMIN_TOKEN}
    return running(clock, None, (WORKSPACES,), **settings, **secrets)


def upload_and_die(url: str, folder: Path, after: int) -> int | None:
    """Have a process upload two files, of which one breaks off, and delete both.

    Args:
        after: At this moment of it the process is killed.

    Returns:
        How it ended: 0 if it had done all before.
    """
    process = _processes.Process(target=_run, args=(url, folder, after))
    process.start()
    process.join()
    return process.exitcode


def _run(url: str, folder: Path, after: int) -> None:
    blow = Blow(after, lambda: os.kill(os.getpid(), signal.SIGKILL))
    asyncio.run(_upload(url, folder, blow))


async def _upload(url: str, folder: Path, blow: Blow) -> None:
    async with _server(url, folder, ManualClock()) as server:
        room, files = await _room(server.chat), _doomed(server.chat.files, blow)
        with suppress(AppError):
            await files.upload(ALICE, room, _stream(blow, 2, breaks_off=True))
        whole = await files.upload(ALICE, room, _stream(blow, 2))
        await server.app._durable.files.give_up(whole.file_id)
        await files.expire()


def _doomed(files: Files, blow: Blow) -> Files:
    store: Any = Doomed(files._store, blow)
    blobs: Any = Doomed(files._blobs, blow)
    return Files(files._parts, store, blobs, files._workspaces, files._vault)


async def _room(chat: Chat) -> RoomId:
    await chat.workspaces.enter(ALICE)
    known = await chat.workspaces.page(ALICE)
    team = known[0] if known else await chat.workspaces.create(ALICE, "Acme")
    wish = ChannelWish(workspace_id=team.workspace_id, kind=Kind.GROUP, name="general")
    made, _ = await chat.channels.create(ALICE, wish)
    return made.conversation.room_id


def _stream(blow: Blow, pieces: int, *, breaks_off: bool = False) -> ByteStream:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(pieces):
            yield PIECE
            blow.fall()
        if breaks_off:
            raise AppError(Code.INVALID_REQUEST, "cut off")

    return ByteStream(None, "a.bin", None, chunks())


async def left_a_day_later(url: str, folder: Path) -> tuple[list[str], list[int]]:
    """What is on the disk, known of files, and held for them once the reaper has come by."""
    clock = ManualClock()
    clock.advance(ms=UNSENT_MS)
    async with _server(url, folder, clock) as server:
        await server.chat.files.expire()
        blobs = [one.name for one in (folder / "files").rglob("*") if one.is_file()]
        return blobs, [await _count(server, sql) for sql in _COUNTS]


async def _count(server: RunningServer, sql: str) -> int:
    found: int = await server.app._durable.database.read(lambda: value(sql))
    return found
