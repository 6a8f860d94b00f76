"""Asks a running server all that its OpenAPI document says, and much that it forbids."""

import asyncio
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import aiohttp
from msgspec import Struct

from tests.apis.attacks.scenes import Person, Scene
from tests.servers import ADMIN_TOKEN
from tests.system.processes import ServerProcess

SETTINGS = {"RATE_LIMITS": "off", "ADMIN_TOKEN": ADMIN_TOKEN}
"""Of the server."""

CONFIGURATION = """
[[operations]]
include-path-regex = "{operators}"
headers = {{ Authorization = "Bearer {operators_token}" }}

[[operations]]
exclude-path-regex = "{operators}|{without}"
headers = {{ Authorization = "Bearer {token}" }}
"""

OPERATORS = "^/(sessions|api/groups/cleanup|api/admin/.*)$"

WITHOUT = "^/api/(register|auth/(logout|login|signup|guest|refresh))$"
"""What is asked without a token: to log out would be the end of it."""

ENDINGS = r"/(ban|reset-password|revoke-devices|auth/logout|devices/\{deviceId\})$"
"""What is asked last: ids are taken from answers, so that the account itself may be signed out."""

NOT_IN_A_SCHEMA = "positive_data_acceptance"
"""The one check left out: no schema tells that a signature must be right, or one of two fields."""

_COUNTED = re.compile(
    r'hushwire_http_requests_total\{method="(\w+)",route="([^"]+)",status="(\d+)"\} (\S+)'
)


class Outcome(Struct, frozen=True):
    """What came of a run.

    Attributes:
        report: What schemathesis wrote.
        statuses: How often each route answered with each status: `("GET /sessions", 200)`. Of the
            server, whatever was asked before.
        is_signed_in: The account's token is good to the end.
    """

    is_good: bool
    report: str
    statuses: Counter[tuple[str, int]]
    is_signed_in: bool


def ask_all(
    server: ServerProcess, folder: Path, *, phases: str, max_examples: int, seed: int
) -> Outcome:
    """One run, with the tokens of operators and of a new account; the same for the same seed."""
    person = asyncio.run(_account(server.url, f"fuzz{seed}"))
    configuration = folder / "schemathesis.toml"
    configuration.write_text(
        CONFIGURATION.format(
            operators=OPERATORS, operators_token=ADMIN_TOKEN, without=WITHOUT, token=person.token
        )
    )
    options = ["--checks", "all", "--exclude-checks", NOT_IN_A_SCHEMA, "--phases", phases]
    options += ["--max-examples", str(max_examples), "--seed", str(seed), "--no-shrink"]
    options += ["--continue-on-failure", "--warnings", "off", "--generation-database", "none"]
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(configuration)]
    # It takes `./` for a name, where the document says that its routes are beside it.
    command += ["run", f"{server.url}/openapi.json", "--url", server.url, *options]
    most = _run([*command, "--exclude-path-regex", ENDINGS], folder)
    statuses, is_signed_in = asyncio.run(_afterwards(server.url, person))
    rest = _run([*command, "--include-path-regex", ENDINGS], folder)
    is_good = most.returncode == rest.returncode == 0
    return Outcome(is_good, most.stdout + rest.stdout, statuses, is_signed_in)


def _run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


async def _account(url: str, name: str) -> Person:
    async with aiohttp.ClientSession(url) as http:
        return await Scene(None, http).enter(name)


async def _afterwards(url: str, person: Person) -> tuple[Counter[tuple[str, int]], bool]:
    async with aiohttp.ClientSession(url) as http:
        me = await Scene(None, http).ask(person, "GET /api/auth/me")
        async with http.get("/metrics") as answer:
            found = _COUNTED.findall(await answer.text())
    statuses = Counter[tuple[str, int]]()
    for method, route, status, count in found:
        statuses[f"{method} {route}", int(status)] += int(float(count))
    return statuses, me.status == 200
