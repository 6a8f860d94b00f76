"""How much waits in a queue, from the environment of the real process to what it answers."""

import time
from collections.abc import Sequence
from pathlib import Path

import aiohttp

from tests.apis.event_queue.people import CLIENT_ID, Member, call, id_token
from tests.issuers import ISSUER, Signer
from tests.system.processes import server_process
from tests.transports.issuer import issuing

BOUNDS = {"MAX_QUEUE_EVENTS": 5, "MAX_QUEUE_EVENTS_OF_SENDER": 3, "MAX_QUEUE_ROTATIONS": 2}

PLAYED = [
    *(("alice", "MESSAGE", 201) for _ in range(3)),
    ("alice", "MESSAGE", 429),  # three are of one sender
    *(("bob", "MESSAGE", 201) for _ in range(2)),
    *((sender, "MESSAGE", 429) for sender in ("bob", "carol")),  # five are all
    ("bob", "KEY_ROTATION", 429),  # the places for keys are for those of groups
]
"""Who sends what to dave, one after the other, and how it is answered."""


async def test_the_bounds_of_queues_are_as_the_environment_says(tmp_path: Path) -> None:
    signer = Signer("ES256", "key-1")
    async with issuing() as issuer:
        issuer.jwks = [signer.jwk]
        of_issuer = {
            "GOOGLE_CLIENT_ID": CLIENT_ID,
            "GOOGLE_ISSUER": ISSUER,
            "GOOGLE_CERTS_URL": issuer.url,
        }
        with server_process(tmp_path, **BOUNDS, **of_issuer) as server:
            async with aiohttp.ClientSession(server.url) as http:
                await _play(http, signer, PLAYED)


async def _play(
    http: aiohttp.ClientSession, signer: Signer, played: Sequence[tuple[str, str, int]]
) -> None:
    people = {name: await _joined(http, signer, name) for name in ("alice", "bob", "carol", "dave")}
    for number, (sender, kind, expected) in enumerate(played):
        answered = await people[sender].send(people["dave"], str(number), event_type=kind)
        code = answered[1].get("code")
        wanted = (expected, "queue_full" if expected == 429 else None)
        assert (answered[0], code) == wanted, (number, answered)


async def _joined(http: aiohttp.ClientSession, signer: Signer, name: str) -> Member:
    now_s = int(time.time())
    token = id_token(signer, ISSUER, name, iat=now_s, exp=now_s + 600)
    body = {"id_token": token, "public_key": f"key of {name}"}
    status, answer = await call(http, "POST", "/api/register", body)
    assert status == 201, answer
    return Member(http, answer)
