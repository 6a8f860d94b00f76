"""A Redis of our own for the workers of one machine, where no other was named."""

import asyncio
import contextlib
import fcntl
import logging
import os
import shutil
import signal
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from server.workers.backoff import Backoff
from server.workers.folders import private

log = logging.getLogger("hushwire.supervisor")

PROGRAMS = ("valkey-server", "redis-server")

START_LIMIT_S = 60.0
"""For it to read what it has kept."""

STOP_LIMIT_S = 5.0
"""For it to write what it keeps."""

LOCK_LIMIT_S = 3.0
"""For the one before to end."""

# Ends the server when standard input ends, hence also when the supervisor was killed.
_LIFELINE = """
exec 3<&0
"$@" </dev/null 3<&- &
server=$!
{ read -r _ <&3; kill "$server"; } 2>/dev/null &
watch=$!
exec 3<&-
wait "$server"
status=$?
kill "$watch" 2>/dev/null
exit $status
"""


class NoRedisError(Exception):
    """It cannot be had; the text says why."""


def program() -> str | None:
    """The path of an installed server that speaks Redis's protocol, if there is one."""
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


@contextlib.asynccontextmanager
async def embedded_redis(command: str, data_dir: Path, sockets: Path) -> AsyncIterator[str]:
    """Run a Redis until the end, started again whenever it dies.

    It keeps what it has in the data folder, so that a start anew goes on where the last
    ended, but for the last second if the machine fails.

    Returns:
        Its URL.

    Raises:
        NoRedisError: It does not start, or another one uses the same folder.
    """
    folder = private(data_dir / "redis")
    socket = sockets / "redis"  # nothing that a node could be called
    with await _locked(folder / "lock") as lock:
        socket.unlink(missing_ok=True)
        server = _Server([command, *_options(folder, socket)], folder, socket, lock)
        await server.start()
        keeping = asyncio.create_task(server.keep())
        try:
            yield f"unix://{socket}"
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
            await server.stop()


def _options(folder: Path, socket: Path) -> list[str]:
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(folder),
        "logfile": "log",
        "loglevel": "warning",
        "daemonize": "no",
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory-policy": "noeviction",
    }
    return [word for name, value in options.items() for word in (f"--{name}", value)]


async def _locked(path: Path) -> "contextlib.AbstractContextManager[int]":
    """Hold a lock, which the server inherits: two on the same files would spoil them."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + LOCK_LIMIT_S
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                os.close(handle)
                raise NoRedisError(f"another server uses {path.parent}") from None
            await asyncio.sleep(0.05)
        else:
            return _closing(handle)


@contextlib.contextmanager
def _closing(handle: int) -> Iterator[int]:
    try:
        yield handle
    finally:
        os.close(handle)


class _Server:
    def __init__(self, command: list[str], folder: Path, socket: Path, lock: int) -> None:
        self._command = command
        self._folder = folder
        self._socket = socket
        self._lock = lock
        self._process: asyncio.subprocess.Process

    async def start(self) -> None:
        """Start it, and wait until it answers."""
        self._process = await asyncio.create_subprocess_exec(
            *("/bin/sh", "-c", _LIFELINE, "sh", *self._command),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            pass_fds=(self._lock,),
            start_new_session=True,
        )
        deadline = time.monotonic() + START_LIMIT_S
        while not await _answers(self._socket):
            if self._process.returncode is not None or time.monotonic() > deadline:
                await self.stop()
                raise NoRedisError(
                    f"{self._command[0]} does not start; see the log in {self._folder}"
                )
            await asyncio.sleep(0.02)

    async def keep(self) -> None:
        """Start it again, whenever it ends, until cancelled."""
        backoff = Backoff()
        while True:
            status = await self._process.wait()
            delay_s = backoff.after_end()
            fields = {"status": status, "restart_s": delay_s}
            log.error("redis_ended", extra={"fields": fields})
            await asyncio.sleep(delay_s)
            backoff.started()
            try:
                await self.start()
            except (NoRedisError, OSError) as error:  # it is tried again after a while
                log.error("redis_not_started", extra={"fields": {"error": str(error)}})

    async def stop(self) -> None:
        """End it in order; by force if it does not."""
        assert self._process.stdin
        self._process.stdin.close()
        try:
            async with asyncio.timeout(STOP_LIMIT_S):
                await self._process.wait()
        except TimeoutError:
            log.error("redis_killed")
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()


async def _answers(socket: Path) -> bool:
    try:
        async with asyncio.timeout(1):
            reader, writer = await asyncio.open_unix_connection(socket)
            try:
                writer.write(b"PING\r\n")
                return await reader.readline() == b"+PONG\r\n"
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False
