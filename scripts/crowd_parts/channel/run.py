"""`scripts/crowd channel`: a server of its own, one channel with many people, and a check of it."""

import argparse
import asyncio
import base64
import secrets
import tempfile
import time
from ipaddress import IPv4Address
from pathlib import Path
from random import Random

import aiohttp
import jwt
import uvloop

from scripts import children
from scripts.crowd_parts.channel.day import Day, Plan
from scripts.crowd_parts.channel.figures import Costs
from scripts.crowd_parts.channel.member import Clock, Member
from scripts.crowd_parts.channel.model import Model
from scripts.crowd_parts.line import Papers
from tests.system.processes import ServerProcess, server_process

SECRET = "a secret of this run alone, of 256 bits or more"  # noqa: S105
WORKSPACE = "crowd"
FIRST_ADDRESS = IPv4Address("10.0.0.1")
SHOWN_FAULTS = 20


async def play(server: ServerProcess, arguments: argparse.Namespace, model: Model) -> list[str]:
    """Let people use a channel for a while.

    Returns:
        What it took, line by line.
    """
    clock, chance = Clock(), Random(arguments.seed)  # noqa: S311 - it is to be repeated
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(server.url, connector=connector) as http:
        members = [
            Member(http, model, clock, f"user-{n}", _papers(n)) for n in range(arguments.people)
        ]
        joined_s = await _gather(members, is_encrypted=arguments.opaque)
        costs, started_s = Costs(server), time.monotonic()
        day = Day(model, members, chance)
        await day.live(Plan(arguments.rate, arguments.seconds))
        figures = costs.shown(time.monotonic() - started_s)
        await day.look_over(WORKSPACE)
        for one in members:
            await one.leave()
    return [
        f"all joined at once, within {joined_s:.1f} s",
        f"message:new after it was sent: {clock.delivery.shown()}",
        f"answer after it was sent: {clock.answer.shown()}",
        *figures,
    ]


async def _gather(members: list[Member], *, is_encrypted: bool) -> float:
    """Have all of them in one channel; in how many seconds they have connected and joined."""
    for one in members:
        await one.ask_http("GET", "/chat/workspaces")  # by which the server knows of them
    first, *others = members
    made = await first.ask_http(
        "POST",
        "/chat/conversations",
        {
            "type": "GROUP",
            "name": "general",
            "workspaceId": WORKSPACE,
            "memberIds": [one.user_id for one in others],
            "isEncrypted": is_encrypted,
        },
    )
    started_s = time.monotonic()
    await asyncio.gather(*(one.enter(WORKSPACE, made["conversation"]["id"]) for one in members))
    return time.monotonic() - started_s


def _papers(number: int) -> Papers:
    claims = {"sub": f"user-{number}", "login": f"No. {number}", "workspaceIds": [WORKSPACE]}
    return Papers(jwt.encode(claims, SECRET, "HS256"), str(FIRST_ADDRESS + number))


def main(argv: list[str]) -> int:
    """Run it.

    Returns:
        The exit status: 0; 1 if there was any fault.
    """
    arguments = _parser().parse_args(argv)
    model = Model()
    folder = tempfile.TemporaryDirectory()
    with (
        children.ended_with_us(),
        folder,
        server_process(Path(folder.name), **_settings(arguments)) as server,
    ):
        figures = uvloop.run(play(server, arguments, model))
        server.stop()
        raised = [line for line in server.log.splitlines() if '"exception"' in line]
    for name, count in sorted(model.counts.items()):
        print(f"{count:9,} {name}")
    print(*figures, sep="\n")
    faults = model.faults + [f"the server raised: {line}" for line in raised]
    print(f"{len(faults)} faults; seed {arguments.seed}")
    for fault in faults[:SHOWN_FAULTS]:
        print("FAULT", fault)
    return 1 if faults else 0


def _settings(arguments: argparse.Namespace) -> dict[str, object]:
    shared = {
        "DATABASE_URL": arguments.database_url,
        "MASTER_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
        "ADMIN_TOKEN": secrets.token_urlsafe(32),
    }
    return {
        "RATE_LIMITS": "off",
        "JWT_SECRET": SECRET,
        "TRUSTED_PROXIES": 1,
        "WORKERS": arguments.workers,
        **(shared if arguments.database_url else {}),
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/crowd channel", description=__doc__)
    parser.add_argument("--people", type=int, default=200, help="200 at most [200]")
    parser.add_argument("--rate", type=int, default=50, help="messages a second [50]")
    parser.add_argument("--seconds", type=float, default=60, help="[60]", metavar="S")
    parser.add_argument("--opaque", action="store_true", help="with isEncrypted: true")
    parser.add_argument("--database-url", help="an empty PostgreSQL; else SQLite in a file")
    parser.add_argument("--workers", type=int, default=1, help="processes that serve [1]")
    parser.add_argument("--seed", type=int, default=1, help="of all chance [1]")
    return parser
