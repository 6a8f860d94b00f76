"""`scripts/soak`: a server of its own, rooms full of talk, and a check of every delivery.

With `--durable` there are accounts and durable messages instead, with `--queues` queues of events;
the server is killed. With `--file` one large file goes up and down.
"""

import argparse
import asyncio
import logging
import os
import platform
import resource
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import urlsplit

import uvloop

from scripts import children
from scripts.soak_parts.crashes import Report, crash
from scripts.soak_parts.files import carry
from scripts.soak_parts.rooms import Room, SoakError, Tally
from tests.crashes.play import Load, play
from tests.crashes.queue_play import SENDERS, QueueLoad, play_queues
from tests.crashes.sites import ENGINES
from tests.system.processes import ServerProcess, server_process
from tests.talk.wires import Address, WireError

SHOWN_FAULTS = 20

OF_ONE_SENDER = 1_000
"""Events of one user that a queue holds."""

SETTINGS: dict[str, object] = {
    "RATE_LIMITS": "off",
    "RECONNECT_GRACE_S": 60,  # who comes back is the same member, however busy the machine is
    "PING_INTERVAL_S": 5,  # so that many pings come among the rest
}


async def soak(address: Address, arguments: argparse.Namespace, tally: Tally) -> list[str]:
    """Run all rooms; what ended them early, if something did."""
    ended_by: list[str] = []
    rooms = [Room(address, number, arguments.seed, tally) for number in range(arguments.rooms)]
    try:
        async with asyncio.timeout(arguments.limit_s), asyncio.TaskGroup() as group:
            for room in rooms:
                group.create_task(room.run())
    except* TimeoutError:
        ended_by.append(f"not done within {arguments.limit_s:g} s")
    except* (SoakError, WireError, OSError) as errors:
        ended_by += map(str, errors.exceptions)
    return ended_by


def report(tally: Tally, seconds: float, server: ServerProcess, cpu_s: float) -> None:
    for name, count in sorted(tally.done.items()):
        print(f"{count:9} {name}")
    recovered = sum(ledger.recovered for ledger in tally.ledgers)
    deliveries = tally.deliveries
    print(f"{deliveries:9} deliveries checked, {recovered} of them from the history")
    print(f"{seconds:9.1f} seconds, {deliveries / seconds:.0f} deliveries/s", end="; ")
    print(f"CPU: server {cpu_s:.1f} s, clients {time.process_time():.1f} s")
    print(f"{server.memory_mb('VmHWM'):9.1f} MB resident at most, {server.memory_mb():.1f} now")
    cores, python = len(os.sched_getaffinity(0)), platform.python_version()
    print(f"{cores:9} cores, {platform.system()} {platform.release()}, Python {python}")


def cpu_of(server: ServerProcess) -> float:
    """CPU seconds until now."""
    fields = Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def server_faults(server: ServerProcess) -> list[str]:
    stopped = server.stop()
    raised = [line for line in server.log.splitlines() if '"exception"' in line]
    found = [f"the server raised: {line}" for line in raised]
    return found + ([f"exit status {stopped.status}"] if stopped.status else [])


def main(argv: list[str] | None = None) -> int:
    """Run it.

    Returns:
        The exit status: 0; 1 if there was any fault.
    """
    parser = _parser()
    arguments = parser.parse_args(argv)
    if arguments.nodes > 1 and "postgres" not in (arguments.durable, arguments.queues):
        parser.error("several servers need postgres")
    if arguments.queues and arguments.devices < SENDERS and arguments.drained > OF_ONE_SENDER:
        # A queue takes so many of one user, and senders who share an account would ask for ever.
        parser.error(f"so many --drained need {SENDERS} --devices")
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if arguments.file:
        return carry(arguments.file)
    if engine := arguments.durable or arguments.queues:
        return crash(_play(engine, arguments), f"{engine}; seed {arguments.seed}")
    tally = Tally(arguments.deliveries)
    folder = tempfile.TemporaryDirectory()
    with (
        children.ended_with_us(),
        folder,
        server_process(Path(folder.name), **SETTINGS) as server,
    ):
        where = urlsplit(server.url)
        address = Address(where.hostname or "", where.port or 0)
        started, before_s = time.monotonic(), cpu_of(server)
        ended_by = uvloop.run(soak(address, arguments, tally))
        report(tally, time.monotonic() - started, server, cpu_of(server) - before_s)
        faults = tally.faults + ended_by + server_faults(server)
    print(f"{len(faults):9} faults: lost, doubled, disordered or other; seed {arguments.seed}")
    for fault in faults[:SHOWN_FAULTS]:
        print("FAULT", fault)
    return 1 if faults else 0


def _play(engine: str, arguments: argparse.Namespace) -> Callable[[Path], Awaitable[Report]]:
    if arguments.queues:
        load = _queue_load(arguments)
        return lambda folder: play_queues(engine, folder, load)
    return lambda folder: play(engine, folder, _load(arguments))


def _queue_load(arguments: argparse.Namespace) -> QueueLoad:
    return QueueLoad(
        devices=arguments.devices,
        events=arguments.deliveries,
        kills=arguments.kills,
        drained=arguments.drained,
        nodes=arguments.nodes,
        seed=arguments.seed,
    )


def _load(arguments: argparse.Namespace) -> Load:
    return Load(
        people=arguments.people,
        kills=arguments.kills,
        most=arguments.messages,
        first_kills=arguments.kills // 10,
        nodes=arguments.nodes,
        seed=arguments.seed,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/soak", description=__doc__)
    parser.add_argument(
        "--deliveries", type=int, default=1_000_000, help="at least so many [1000000]"
    )
    parser.add_argument("--rooms", type=int, default=10, help="of ten members each [10]")
    parser.add_argument("--seed", type=int, default=1, help="of all chance [1]")
    parser.add_argument(
        "--limit-s", type=float, default=1800, help="after so long it has failed [1800]"
    )
    parser.add_argument("--file", type=int, metavar="MIB", help="one file of so many MiB instead")
    crashes = parser.add_argument_group("durable messages or queues, while the server is killed")
    crashes.add_argument("--durable", choices=ENGINES, help="instead of rooms, on this database")
    crashes.add_argument("--queues", choices=ENGINES, help="the same of queues of events")
    crashes.add_argument("--devices", type=int, default=1000, help="with a queue each [1000]")
    crashes.add_argument(
        "--drained",
        type=int,
        default=10_000,
        help="events of one queue, at the end; it holds 10000 [10000]",
    )
    crashes.add_argument("--kills", type=int, default=50, help="under load [50]")
    crashes.add_argument("--nodes", type=int, default=1, help="servers on one PostgreSQL [1]")
    crashes.add_argument("--people", type=int, default=8, help="with a device or two each [8]")
    crashes.add_argument(
        "--messages", type=int, default=150, help="acknowledged between two kills, at most [150]"
    )
    return parser


if __name__ == "__main__":
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    sys.exit(main())
