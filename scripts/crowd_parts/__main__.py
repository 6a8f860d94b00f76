"""`scripts/crowd`: a server of its own, people who do things at random, and a check of it all.

`scripts/crowd channel` does it with one channel of a workspace; without it, random groups.
"""

import argparse
import asyncio
import random
import sys
import tempfile
import time
from ipaddress import IPv4Address
from pathlib import Path

import aiohttp
import jwt
import uvloop

from scripts import children
from scripts.crowd_parts.channel import run as channel
from scripts.crowd_parts.checker import Checker
from scripts.crowd_parts.line import Papers
from scripts.crowd_parts.person import Person
from tests.system.processes import ServerProcess, server_process

SECRET = "a secret of this run alone, of 256 bits or more"  # noqa: S105

SETTINGS: dict[str, object] = {
    "RATE_LIMITS": "off",
    "RECONNECT_GRACE_S": 1,
    "JWT_SECRET": SECRET,
    "TRUSTED_PROXIES": 1,
}

FIRST_ADDRESS = IPv4Address("10.0.0.1")
"""Everybody calls from another one: reports from the same count as one."""

MOST_S = 110
"""People meet again two minutes after one has left the other, and the checker does not count."""

SHOWN_FAULTS = 20


async def crowd(url: str, arguments: argparse.Namespace, checker: Checker) -> None:
    """Let people live for a while, then compare with what the server knows."""
    chance = random.Random(arguments.seed)  # noqa: S311 - it is to be repeated
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(url, connector=connector) as http:
        people = [
            Person(http, checker, f"user {n}", _papers(n), random.Random(chance.random()))  # noqa: S311
            for n in range(arguments.people)
        ]
        enough = asyncio.Event()
        asyncio.get_running_loop().call_later(arguments.seconds, enough.set)
        async with asyncio.TaskGroup() as living:
            for person in people:
                living.create_task(person.live(enough, arguments.pause_s))
        checker.close({person.user_id: await person.current() for person in people})


def _papers(number: int) -> Papers:
    claims = {"sub": f"user {number}", "login": f"No. {number}"}
    return Papers(jwt.encode(claims, SECRET, "HS256"), str(FIRST_ADDRESS + number))


def report(checker: Checker, server: ServerProcess, seconds: float) -> None:
    for name, count in sorted(checker.counts.items()):
        print(f"{count:9} {name}")
    print(f"{seconds:9.1f} seconds; the server held {server.memory_mb('VmHWM'):.0f} MB at most")


def main(argv: list[str] | None = None) -> int:
    """Run it.

    Returns:
        The exit status: 0; 1 if there was any fault.
    """
    argv = sys.argv[1:] if argv is None else argv
    if argv[:1] == ["channel"]:
        return channel.main(argv[1:])
    arguments = _parser().parse_args(argv)
    checker = Checker()
    folder = tempfile.TemporaryDirectory()
    with (
        children.ended_with_us(),
        folder,
        server_process(Path(folder.name), **SETTINGS) as server,
    ):
        started = time.monotonic()
        uvloop.run(crowd(server.url, arguments, checker))
        report(checker, server, time.monotonic() - started)
        server.stop()
        raised = [line for line in server.log.splitlines() if '"exception"' in line]
    faults = checker.faults + [f"the server raised: {line}" for line in raised]
    print(f"{len(faults):9} faults; seed {arguments.seed}")
    for fault in faults[:SHOWN_FAULTS]:
        print("FAULT", fault)
    return 1 if faults else 0


def _seconds(text: str) -> float:
    if not 0 < float(text) <= MOST_S:
        raise argparse.ArgumentTypeError(f"{MOST_S} at most")
    return float(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/crowd", description=__doc__)
    parser.add_argument("--people", type=int, default=1_000, help="[1000]")
    parser.add_argument(
        "--seconds", type=_seconds, default=60, help=f"{MOST_S} at most [60]", metavar="S"
    )
    parser.add_argument(
        "--pause-s", type=float, default=0.5, help="between two deeds of one person [0.5]"
    )
    parser.add_argument("--seed", type=int, default=1, help="of all chance [1]")
    return parser


if __name__ == "__main__":
    sys.exit(main())
