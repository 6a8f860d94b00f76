"""Bad tokens over HTTP may cost a look into the database each: an address has a rate of them."""

from typing import Any

import aiohttp
import pytest

from server.core.errors import AppError, Code
from server.core.limits import Rate
from server.stores.memory.rates import MemoryRateLimiter
from server.transports import suspects as transports
from server.transports.suspects import Suspects
from tests.clocks import ManualClock
from tests.issuers import by_secret
from tests.servers import SECRET, running

REFUSED = AppError(Code.UNAUTHENTICATED, "no")
ME = "/api/auth/me"
FORGED = by_secret({"sub": "mallory"}, b"some other secret that is long enough")
GOOD = by_secret({"sub": "alice"}, SECRET.encode())


@pytest.fixture
def suspects(clock: ManualClock) -> Suspects:
    return Suspects(MemoryRateLimiter(), clock, Rate(per_minute=60, burst=2))


def is_suspect(suspects: Suspects, address: str) -> bool:
    try:
        suspects.check(address)
    except AppError as error:
        return error.code is Code.RATE_LIMITED and (error.retry_after_ms or 0) > 0
    return False


async def test_so_many_bad_tokens_are_looked_at_and_then_none_for_a_while(
    suspects: Suspects, clock: ManualClock
) -> None:
    for _ in range(3):
        assert not is_suspect(suspects, "a")
        await suspects.note("a", REFUSED)
    assert is_suspect(suspects, "a")
    assert not is_suspect(suspects, "b")
    clock.advance(seconds=1)
    assert not is_suspect(suspects, "a")


@pytest.mark.parametrize("code", [Code.UNAVAILABLE, Code.INTERNAL])
async def test_faults_of_ours_make_nobody_suspect(suspects: Suspects, code: Code) -> None:
    for _ in range(9):
        await suspects.note("a", AppError(code, "not now"))
    assert not is_suspect(suspects, "a")


async def test_where_rates_are_off_nobody_is_suspect(clock: ManualClock) -> None:
    suspects = Suspects(MemoryRateLimiter(), clock, None)
    for _ in range(9):
        await suspects.note("a", REFUSED)
    assert not is_suspect(suspects, "a")


class Away(MemoryRateLimiter):
    """Cannot count."""

    async def take(self, bucket: str, rate: Rate, cost: int, now_ms: int) -> int:
        raise AppError(Code.UNAVAILABLE, "not now")


async def test_a_bad_token_is_refused_as_such_even_if_nobody_can_count_it(
    clock: ManualClock,
) -> None:
    suspects = Suspects(Away(), clock, Rate(60, 1))
    await suspects.note("a", REFUSED)
    assert not is_suspect(suspects, "a")


async def test_only_so_many_addresses_are_remembered(
    suspects: Suspects, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transports, "MAX_REMEMBERED", 3)
    for address in "abcdefgh":
        for _ in range(3):
            await suspects.note(address, REFUSED)
    assert len(suspects._until_ms) <= 3
    assert is_suspect(suspects, "h")


async def status_of(http: aiohttp.ClientSession, path: str, token: str, address: str) -> int:
    headers = {"Authorization": f"Bearer {token}", "X-Forwarded-For": address}
    async with http.get(path, headers=headers) as answer:
        return answer.status


@pytest.mark.parametrize("path", [ME, "/sessions"], ids=["user", "operator"])
async def test_an_address_that_sends_bad_tokens_is_told_to_wait_and_others_are_not(
    path: str, clock: ManualClock
) -> None:
    looked_at: list[str] = []
    async with (
        running(clock, TRUSTED_PROXIES=1, JWT_SECRET=SECRET) as server,
        aiohttp.ClientSession(server.url) as http,
    ):
        tokens: Any = server.app.chat.tokens
        verify = tokens.verify

        def look(token: str) -> Any:
            looked_at.append(token)
            return verify(token)

        tokens.verify = look

        statuses = [await status_of(http, path, FORGED, "192.0.2.1") for _ in range(200)]

        assert set(statuses) == {401, 429}
        assert statuses.index(429) == len(looked_at) == 151
        assert await status_of(http, ME, GOOD, "192.0.2.2") == 200
        clock.advance(minutes=1)
        assert await status_of(http, ME, GOOD, "192.0.2.1") == 200


async def posted(http: aiohttp.ClientSession, path: str, token: str) -> tuple[int, str | None]:
    """Status and code of the answer to an empty body."""
    headers = {"Authorization": f"Bearer {token}"}
    async with http.post(path, json={}, headers=headers) as answer:
        return answer.status, (await answer.json()).get("code")


async def test_where_bad_tokens_come_from_who_shows_one_is_nobody_where_all_may_ask(
    clock: ManualClock,
) -> None:
    """And whoever must be seen there is told to wait, and not that there is no token."""
    async with (
        running(clock, JWT_SECRET=SECRET) as server,
        aiohttp.ClientSession(server.url) as http,
    ):
        assert await posted(http, "/api/auth/logout", GOOD) == (401, "unauthenticated")
        while await status_of(http, ME, FORGED, "") != 429:
            pass
        assert await posted(http, "/api/auth/guest", GOOD) == (201, None)
        assert await posted(http, "/api/auth/logout", GOOD) == (429, "rate_limited")
        clock.advance(minutes=1)
        assert await posted(http, "/api/auth/logout", GOOD) == (401, "unauthenticated")
