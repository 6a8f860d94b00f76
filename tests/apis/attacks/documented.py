"""Asks a running server all that its OpenAPI document says, and much that it forbids."""

import asyncio
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from msgspec import Struct

from tests.apis.attacks.scenes import Person, Scene
from tests.apis.event_queue.people import CLIENT_ID, id_token
from tests.issuers import ISSUER, Signer
from tests.servers import ADMIN_TOKEN
from tests.system.processes import ServerProcess

SIGNER = Signer("ES256", "key-1")
"""Of the issuer that the server believes."""

HOOKS = Path(__file__).with_name("hooks.py")

CONFIGURATION = """
hooks = "{hooks}"

[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 406, 409, 413, 415, 422, 428, 429]

[[operations]]
include-path-regex = "{operators}"
headers = {{ Authorization = "Bearer {operators_token}" }}

[[operations]]
include-path-regex = "{vouched}"
headers = {{ Authorization = "Bearer {id_token}" }}

[[operations]]
exclude-path-regex = "{operators}|{without}|{vouched}"
headers = {{ Authorization = "Bearer {token}" }}
"""

OPERATORS = "^/(sessions|api/groups/cleanup|api/admin/.*)$"

WITHOUT = "^/api/(register|auth/(logout|login|signup|guest|refresh))$"
"""What is asked without a token: to log out would be the end of it."""

VOUCHED = "^/api/(events|users/(me|search|public-keys)|groups(/[{]group_id[}].*)?)$"
"""What is asked by an identity token as it is: most of the event queue."""

ENDINGS = r"/(ban|reset-password|revoke-devices|auth/logout|devices/\{deviceId\})$"
"""What is asked last: ids are taken from answers, so that the account itself may be signed out."""

NOT_IN_A_SCHEMA = "positive_data_acceptance"
"""The one check left out: no schema tells that a signature must be right, or one of two fields."""

_COUNTED = re.compile(
    r'hushwire_http_requests_total\{method="(\w+)",route="([^"]+)",status="(\d+)"\} (\S+)'
)


class Known(Struct, frozen=True):
    """What there is for `hooks`.

    Attributes:
        id_token: Of somebody who has registered by it.
        group_id, ending_id: Groups of theirs; the second may end.
        other_id: Somebody else.
        workspace_id, channel_id: Of the other one, with them as a member of both.
        user_id: Theirs.
    """

    id_token: str
    group_id: str
    ending_id: str
    other_id: str
    workspace_id: str
    channel_id: str
    user_id: str


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


@contextmanager
def settings() -> Iterator[dict[str, str]]:
    """Those of the server, whose issuer publishes its keys meanwhile."""
    with keys_of_issuer({"keys": [SIGNER.jwk]}) as url:
        yield {
            "RATE_LIMITS": "off",
            "ADMIN_TOKEN": ADMIN_TOKEN,
            "GOOGLE_CLIENT_ID": CLIENT_ID,
            "GOOGLE_ISSUER": ISSUER,
            "GOOGLE_CERTS_URL": url,
        }


@contextmanager
def keys_of_issuer(jwks: dict[str, Any]) -> Iterator[str]:
    """The address of these keys, beside whatever this thread does."""

    class Keys(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(jwks).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Keys) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/jwks.json"
        finally:
            server.shutdown()


def ask_all(
    server: ServerProcess, folder: Path, *, phases: str, max_examples: int, seed: int
) -> Outcome:
    """One run, with the tokens of operators and of a new account; the same for the same seed."""
    person, known = asyncio.run(_settle(server.url, f"fuzz{seed}"))
    configuration = folder / "schemathesis.toml"
    configuration.write_text(
        CONFIGURATION.format(
            hooks=HOOKS,
            operators=OPERATORS,
            operators_token=ADMIN_TOKEN,
            without=WITHOUT,
            vouched=VOUCHED,
            id_token=known.id_token,
            token=person.token,
        )
    )
    options = ["--checks", "all", "--exclude-checks", NOT_IN_A_SCHEMA, "--phases", phases]
    options += ["--max-examples", str(max_examples), "--seed", str(seed), "--no-shrink"]
    options += ["--continue-on-failure", "--warnings", "off", "--generation-database", "none"]
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(configuration)]
    # It takes `./` for a name, where the document says that its routes are beside it.
    command += ["run", f"{server.url}/openapi.json", "--url", server.url, *options]
    most = _run([*command, "--exclude-path-regex", ENDINGS], folder, known)
    statuses, is_signed_in = asyncio.run(_afterwards(server.url, person))
    rest = _run([*command, "--include-path-regex", ENDINGS], folder, known)
    is_good = most.returncode == rest.returncode == 0
    return Outcome(is_good, most.stdout + rest.stdout, statuses, is_signed_in)


def _run(command: list[str], folder: Path, known: Known) -> subprocess.CompletedProcess[str]:
    told = {**os.environ, "KNOWN_TO_FUZZ": msgspec.json.encode(known).decode()}
    return subprocess.run(
        command, cwd=folder, env=told, capture_output=True, text=True, check=False
    )


async def _settle(url: str, name: str) -> tuple[Person, Known]:
    """Have an account with a password, and one by the issuer, with two groups; both in one team."""
    now_s = int(time.time())
    token = id_token(SIGNER, ISSUER, name, iat=now_s, exp=now_s + 24 * 3600)
    async with aiohttp.ClientSession(url) as http:
        scene = Scene(None, http)
        person = await scene.enter(name)
        registration = {"id_token": token, "public_key": name}
        registered = await scene.done(None, "POST /api/register", registration)
        user_id = str(registered["user"]["user_id"])
        made = [await scene.done(token, "POST /api/groups", {"name": name}) for _ in range(2)]
        group_id, ending_id = (str(one["group_id"]) for one in made)
        team = await _team(scene, person, user_id)
        return person, Known(token, group_id, ending_id, person.user_id, *team, user_id)


async def _team(scene: Scene, person: Person, user_id: str) -> tuple[str, str]:
    """A workspace and a channel of somebody, with somebody else in both."""
    made = await scene.done(person, "POST /chat/workspaces", {"name": "team"})
    workspace_id = str(made["workspace"]["id"])
    who = {"userId": user_id}
    await scene.done(person, f"POST /chat/workspaces/{workspace_id}/members", who)
    wish = {"type": "GROUP", "name": "all", "workspaceId": workspace_id, "memberIds": [user_id]}
    made = await scene.done(person, "POST /chat/conversations", wish)
    return workspace_id, str(made["conversation"]["id"])


async def _afterwards(url: str, person: Person) -> tuple[Counter[tuple[str, int]], bool]:
    async with aiohttp.ClientSession(url) as http:
        me = await Scene(None, http).ask(person, "GET /api/auth/me")
        async with http.get("/metrics") as answer:
            found = _COUNTED.findall(await answer.text())
    statuses = Counter[tuple[str, int]]()
    for method, route, status, count in found:
        statuses[f"{method} {route}", int(status)] += int(float(count))
    return statuses, me.status == 200
