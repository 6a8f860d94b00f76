"""Starts the workers, starts again who dies, and ends with all of them.

It serves nothing itself, and has none of the server in its memory.
"""

import asyncio
import contextlib
import logging
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

from server.core.ids import new_node_id
from server.ending import Ending
from server.exits import cannot_listen, cannot_start
from server.installation import Installation
from server.settings import Settings, SettingsError
from server.workers.backoff import Backoff
from server.workers.embedded import NoRedisError, embedded_redis, program
from server.workers.folders import socket_folder
from server.workers.orders import DRAIN, STOP, Orders
from server.workers.port import SharedPort
from server.workers.worker import Worker

log = logging.getLogger("hushwire.supervisor")

FAILED = 1
"""The exit status if a worker cannot start, and does not say by which status."""

STOP_LIMIT_S = 5.0
"""For workers to end, after their drain."""


async def supervise(
    installation: Installation, environment: Mapping[str, str], on_ready: Callable[[int], None]
) -> int:
    """Run all workers until a signal.

    Args:
        environment: What the settings were made of; the workers make theirs of it.
        on_ready: Called with the port once all workers listen.

    Returns:
        The exit status, as of a process alone.
    """
    ending = _hear_signals()
    settings = installation.settings
    try:
        async with _shared_state(settings) as (folder, redis_url):
            port = await SharedPort.take(settings.host, settings.port)
            crew = Crew(settings, dict(environment), port, folder, redis_url)
            with contextlib.closing(port):
                return await crew.work(ending, on_ready)
    except SettingsError as error:
        return cannot_start(error)
    except OSError as error:
        return cannot_listen(settings, error)


@contextlib.asynccontextmanager
async def _shared_state(settings: Settings) -> AsyncIterator[tuple[Path, str | None]]:
    """What the workers share: a folder for sockets, and a Redis if none was named.

    Raises:
        SettingsError: There is none, and none that could be started; or the folder cannot be.
    """
    with contextlib.ExitStack() as folders:
        try:
            folder = folders.enter_context(socket_folder(settings.data_dir))
        except (OSError, ValueError) as error:
            raise SettingsError(f"DATA_DIR: {error}") from None
        async with _redis(settings, folder) as url:
            yield folder, url


@contextlib.asynccontextmanager
async def _redis(settings: Settings, folder: Path) -> AsyncIterator[str | None]:
    """A Redis of the workers' own, if none was named."""
    if settings.redis_url is not None:
        yield None
        return
    command = program()
    if command is None:
        raise SettingsError(
            f"WORKERS: {settings.workers} processes need a Redis to share what is live. Install "
            "redis-server or valkey-server, or set REDIS_URL, or set WORKERS to 1."
        )
    async with contextlib.AsyncExitStack() as stack:
        try:
            url = await stack.enter_async_context(
                embedded_redis(command, settings.data_dir, folder)
            )
        except (NoRedisError, OSError) as error:
            raise SettingsError(f"WORKERS: {error}") from None
        yield url


def _hear_signals() -> Ending:
    ending = Ending()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, ending.ask)
    loop.add_signal_handler(signal.SIGINT, ending.hurry)
    loop.add_signal_handler(signal.SIGHUP, lambda: None)  # until there are workers
    return ending


class Crew:
    """All workers of a supervisor."""

    def __init__(
        self,
        settings: Settings,
        environment: dict[str, str],
        port: SharedPort,
        folder: Path,
        redis_url: str | None,
    ) -> None:
        self._settings = settings
        self._environment = environment
        self._port = port
        self._folder = folder
        self._redis_url = redis_url
        self._workers: dict[int, Worker] = {}

    async def work(self, ending: Ending, on_ready: Callable[[int], None]) -> int:
        """Have them work until it is to end; returns the exit status."""
        for number in range(self._settings.workers):
            await self._start(number)
        if status := await self._failure(ending):
            await self._end_all()
            return status
        keeping = [asyncio.create_task(self._keep(number)) for number in self._workers]
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._pass_on_hangup)
        if not ending.begun.is_set():
            log.info("workers_ready", extra={"fields": {"workers": len(self._workers)}})
            on_ready(self._port.number)
        await ending.begun.wait()
        for task in keeping:
            task.cancel()
        await asyncio.gather(*keeping, return_exceptions=True)
        await self._drain(ending)
        return 0

    async def _start(self, number: int) -> Worker:
        orders = Orders(
            number=number,
            node_id=new_node_id(number),
            sockets=(),
            folder=str(self._folder),
            redis_url=self._redis_url,
            environment=self._environment,
        )
        self._workers[number] = worker = await Worker.start(orders, self._port.sockets())
        return worker

    async def _failure(self, ending: Ending) -> int:
        """Wait until all are ready, or are to end; the status of one that cannot start."""
        waiting = asyncio.create_task(self._first_failed())
        ended = asyncio.create_task(ending.begun.wait())
        await asyncio.wait([waiting, ended], return_when=asyncio.FIRST_COMPLETED)
        ended.cancel()
        failed = waiting.result() if waiting.done() else None
        waiting.cancel()
        if failed is None:
            return 0
        status = await failed.ended()
        return status if status > 0 else FAILED

    async def _first_failed(self) -> Worker | None:
        for worker in self._workers.values():
            if not await worker.is_ready():
                return worker
        return None

    async def _keep(self, number: int) -> None:
        """Start a worker again whenever it ends, until cancelled."""
        backoff = Backoff()
        while True:
            status = await self._workers[number].ended()
            self._clean(self._workers[number])
            delay_s = backoff.after_end()
            fields = {"number": number, "status": status, "restart_s": delay_s}
            log.warning("worker_ended", extra={"fields": fields})
            await asyncio.sleep(delay_s)
            backoff.started()
            try:
                await self._start(number)
            except OSError:
                log.exception("worker_not_started")

    def _pass_on_hangup(self) -> None:
        for worker in self._workers.values():
            worker.signal(signal.SIGHUP)

    async def _drain(self, ending: Ending) -> None:
        self._tell_all(DRAIN)
        gone = asyncio.create_task(self._all_ended())
        hurried = asyncio.create_task(ending.hurried.wait())
        limit_s = self._settings.drain_s + STOP_LIMIT_S
        await asyncio.wait([gone, hurried], timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
        hurried.cancel()
        gone.cancel()
        await self._end_all()

    async def _end_all(self) -> None:
        """End them at once, by force whoever does not."""
        self._tell_all(STOP)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_LIMIT_S):
                await self._all_ended()
        for number, worker in self._workers.items():
            if worker.is_running:
                log.error("worker_killed", extra={"fields": {"number": number}})
                worker.signal(signal.SIGKILL)
            await worker.ended()
            self._clean(worker)

    async def _all_ended(self) -> None:
        for worker in self._workers.values():
            await worker.ended()

    def _tell_all(self, word: str) -> None:
        for worker in self._workers.values():
            worker.tell(word)

    def _clean(self, worker: Worker) -> None:
        """Take away the sockets of a worker that may have been killed."""
        for path in self._folder.glob(f"{worker.node_id}.*"):
            path.unlink(missing_ok=True)
