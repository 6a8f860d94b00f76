"""The largest that may be asked for: it gets through the door, in as many bytes as it takes."""

import io
import json
from typing import Any

import aiohttp

from tests.apis.event_queue.people import Member, id_token
from tests.apis.session_relay.sessions import configured
from tests.issuers import ISSUER, Signer


async def code_of(http: aiohttp.ClientSession, path: str, body: Any, token: str = "") -> Any:
    """The code of an answer, or else its status."""
    written = io.BytesIO(json.dumps(body, ensure_ascii=False).encode())
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    async with http.post(path, data=written, headers=headers) as answer:
        return (await answer.json()).get("code", answer.status)


def long_ids(count: int, letters: int) -> list[str]:
    """Ids of so many letters, of four bytes each but a few."""
    return [f"{number:04}" + "\U0001f600" * (letters - 4) for number in range(count)]


@configured(RATE_LIMITS="off")
async def test_the_largest_event_for_the_most_people(
    alice: Member, http: aiohttp.ClientSession
) -> None:
    body = {
        "event_type": "A" * 64,
        "event_id": "\U0001f600" * 128,
        "recipient_ids": long_ids(1_000, 128),
        "encrypted_payload": "x" * 524_288,
        "metadata": "x" * 262_142,
    }
    assert await code_of(http, "/api/events", body, alice.token) == "recipient_not_found"


@configured(RATE_LIMITS="off")
async def test_the_largest_group(alice: Member, http: aiohttp.ClientSession) -> None:
    body = {"name": "tea", "member_ids": long_ids(1_000, 128)}
    assert await code_of(http, "/api/groups", body, alice.token) == "limit_reached"


@configured(MAX_ID_CHARS=1_024)
async def test_the_longest_ids(alice: Member, http: aiohttp.ClientSession) -> None:
    body = {"user_ids": long_ids(100, 1_024)}
    assert await code_of(http, "/api/users/public-keys", body, alice.token) == 200


@configured(MAX_PUBLIC_KEY_BYTES=200_000)
async def test_the_largest_key(http: aiohttp.ClientSession, signer: Signer) -> None:
    for letters, expected in ((199_999, "payload_too_large"), (199_998, 201)):
        body = {"id_token": id_token(signer, ISSUER, "alice"), "public_key": "x" * letters}
        assert await code_of(http, "/api/register", body) == expected
