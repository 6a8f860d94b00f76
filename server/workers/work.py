"""What a worker does: what its supervisor orders, until that is gone."""

import asyncio
import socket
from pathlib import Path

import uvloop
from msgspec import structs

from server import logs
from server.ending import Ending
from server.exits import cannot_start
from server.installation import installed
from server.process import run
from server.settings import SettingsError, load
from server.settings.values import Secret
from server.transports.others import Seat
from server.workers.orders import DRAIN, MAX_ORDERS_BYTES, READY, STOP, Orders, decode


def run_worker(descriptor: int) -> int:
    """Do what the supervisor at the other end of a socket orders, and end with it.

    Returns:
        The exit status, as of a process alone.
    """
    with socket.socket(fileno=descriptor) as supervisor:
        return uvloop.run(_hear(supervisor))


async def _hear(supervisor: socket.socket) -> int:
    supervisor.setblocking(False)
    reader, writer = await asyncio.open_unix_connection(sock=supervisor, limit=MAX_ORDERS_BYTES)
    try:
        line = await reader.readline()
        return await _work(decode(line), reader, writer) if line else 0
    finally:
        writer.close()


async def _work(orders: Orders, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> int:
    try:
        installation = installed(load(orders.environment))
    except SettingsError as error:
        return cannot_start(error)
    settings = installation.settings
    if orders.redis_url:
        settings = structs.replace(settings, redis_url=Secret(orders.redis_url))
    logs.configure(verbose=settings.debug, worker=orders.number)
    seat = Seat(
        node_id=orders.node_id,
        sockets=tuple(socket.socket(fileno=one) for one in orders.sockets),
        folder=Path(orders.folder),
    )
    ending = Ending()
    obeying = asyncio.create_task(_obey(reader, ending))

    def tell(port: int) -> None:
        writer.write(READY.encode() + b"\n")

    try:
        return await run(structs.replace(installation, settings=settings), seat, ending, tell)
    finally:
        obeying.cancel()


async def _obey(reader: asyncio.StreamReader, ending: Ending) -> None:
    while line := await reader.readline():
        match line.decode().strip():
            case word if word == DRAIN:
                ending.ask()
            case word if word == STOP:
                ending.hurry()
    ending.hurry()  # the supervisor is gone
