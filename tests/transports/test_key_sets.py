"""Keys of an issuer: fetched when they are needed, kept while good, never waited for long."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import web

from server.core.errors import AppError, Code
from server.transports import key_sets
from server.transports.key_sets import (
    FRESH_MS,
    MAX_BODY_BYTES,
    RETRY_GAP_MS,
    STALE_MS,
    UNKNOWN_GAP_MS,
    PublishedKeys,
)
from tests.clocks import ManualClock
from tests.issuers import Signer
from tests.servers import until
from tests.transports.issuer import Issuer, issuing

OLD, NEW = Signer("ES256", "old"), Signer("EdDSA", "new")


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    """Publishes the old key."""
    async with issuing() as one:
        one.jwks = [OLD.jwk]
        yield one


@pytest.fixture
async def keys(issuer: Issuer, clock: ManualClock) -> AsyncIterator[PublishedKeys]:
    one = PublishedKeys(issuer.url, clock)
    yield one
    await one.close()


async def kids(keys: PublishedKeys, kid: str | None) -> list[str | None]:
    return [key.kid for key in await keys.find(kid)]


async def why_none(keys: PublishedKeys, kid: str = "old") -> AppError:
    with pytest.raises(AppError) as refused:
        await keys.find(kid)
    return refused.value


async def test_keys_are_fetched_when_the_first_token_needs_them_and_then_kept(
    keys: PublishedKeys, issuer: Issuer, clock: ManualClock
) -> None:
    assert issuer.asked == 0
    for _ in range(3):
        assert await kids(keys, "old") == ["old"]
        clock.advance(ms=FRESH_MS // 4)

    assert issuer.asked == 1


async def test_a_token_that_names_no_key_may_have_any(keys: PublishedKeys, issuer: Issuer) -> None:
    issuer.jwks.append(NEW.jwk)

    assert await kids(keys, None) == ["old", "new"]
    assert issuer.asked == 1


async def test_a_key_that_came_since_is_found_at_once(
    keys: PublishedKeys, issuer: Issuer, clock: ManualClock
) -> None:
    await keys.find("old")
    clock.advance(ms=UNKNOWN_GAP_MS)
    issuer.jwks = [OLD.jwk, NEW.jwk]

    assert await kids(keys, "new") == ["new"]
    assert issuer.asked == 2


async def test_a_withdrawn_key_is_refused_when_the_keys_are_no_longer_fresh(
    keys: PublishedKeys, issuer: Issuer, clock: ManualClock
) -> None:
    await keys.find("old")
    issuer.jwks = [NEW.jwk]

    clock.advance(ms=FRESH_MS - 1)
    assert await kids(keys, "old") == ["old"]
    clock.advance(ms=1)
    assert await kids(keys, "old") == []


async def test_a_flood_of_unknown_keys_asks_once_a_minute_and_the_others_wait_for_that(
    keys: PublishedKeys, issuer: Issuer, clock: ManualClock
) -> None:
    await keys.find("old")
    for second in range(1, 121):
        clock.advance(seconds=1)
        for number in range(10):
            invented = kids(keys, f"invented-{second}-{number}")
            if second % 60 == 0 and number == 0:
                assert await invented == []
                continue
            with pytest.raises(AppError) as refused:
                await invented
            assert refused.value.code is Code.UNAVAILABLE
            assert refused.value.retry_after_ms == max(5, 60 - second % 60) * 1000

    assert issuer.asked == 1 + 2
    assert await kids(keys, "old") == ["old"]


async def test_all_who_ask_at_once_share_one_fetch(keys: PublishedKeys, issuer: Issuer) -> None:
    issuer.gate.clear()
    asking = [asyncio.create_task(kids(keys, kid)) for kid in ["old"] * 50 + ["none"] * 50]
    await until(lambda: issuer.asked)
    issuer.gate.set()

    assert await asyncio.gather(*asking) == [["old"]] * 50 + [[]] * 50
    assert issuer.asked == 1


async def test_whoever_gives_up_waiting_does_not_end_the_fetch_of_the_others(
    keys: PublishedKeys, issuer: Issuer
) -> None:
    issuer.gate.clear()
    first, second = (asyncio.create_task(kids(keys, "old")) for _ in range(2))
    await until(lambda: issuer.asked)
    first.cancel()
    issuer.gate.set()

    assert await second == ["old"]
    assert issuer.asked == 1


# --- issuers that fail ---


async def refuse(request: web.Request) -> web.StreamResponse:
    return web.Response(status=503)


async def no_json(request: web.Request) -> web.StreamResponse:
    return web.Response(text="<html>")


async def no_keys(request: web.Request) -> web.StreamResponse:
    return web.json_response({"keys": []})


async def nested(request: web.Request) -> web.StreamResponse:
    return web.Response(text="[" * 100_000)


async def redirect(request: web.Request) -> web.StreamResponse:
    return web.Response(status=302, headers={"Location": "/elsewhere"})


async def huge(request: web.Request) -> web.StreamResponse:
    return web.Response(text=json.dumps({"keys": [OLD.jwk]}) + " " * MAX_BODY_BYTES)


async def endless(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b" " * 65_536)


async def cut_off(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b'{"keys":[')
    assert request.transport
    request.transport.abort()
    return response


Broken = Callable[[web.Request], Awaitable[web.StreamResponse]]
BROKEN: list[Broken] = [refuse, no_json, no_keys, nested, redirect, huge, endless, cut_off]


@pytest.mark.parametrize("broken", BROKEN)
async def test_while_there_are_no_keys_whoever_asks_is_told_to_try_again(
    broken: Broken, keys: PublishedKeys, issuer: Issuer, clock: ManualClock
) -> None:
    issuer.answer = broken

    for _ in range(3):
        error = await why_none(keys)
        assert (error.code, error.retry_after_ms) == (Code.UNAVAILABLE, RETRY_GAP_MS)
    assert issuer.asked == 1
    issuer.answer = None
    clock.advance(ms=RETRY_GAP_MS)
    assert await kids(keys, "old") == ["old"]


@pytest.mark.parametrize("broken", BROKEN)
async def test_old_keys_go_on_for_a_day_while_new_ones_cannot_be_had(
    broken: Broken, keys: PublishedKeys, issuer: Issuer, clock: ManualClock
) -> None:
    await keys.find("old")
    issuer.answer = broken

    clock.advance(ms=FRESH_MS)
    for _ in range(3):
        assert await kids(keys, "old") == ["old"]
    assert issuer.asked == 2
    clock.advance(ms=STALE_MS - FRESH_MS - 1)
    assert await kids(keys, "old") == ["old"]
    clock.advance(ms=1)
    assert (await why_none(keys)).code is Code.UNAVAILABLE


async def test_a_slow_issuer_is_given_up_and_what_came_before_goes_on(
    keys: PublishedKeys, issuer: Issuer, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await keys.find("old")
    monkeypatch.setattr(key_sets, "FETCH_LIMIT_S", 0.05)
    issuer.gate.clear()
    clock.advance(ms=FRESH_MS)

    assert await kids(keys, "old") == ["old"]


async def test_an_issuer_that_has_just_not_answered_holds_nobody_up_whose_key_is_known(
    keys: PublishedKeys, issuer: Issuer, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_sets, "FETCH_LIMIT_S", 0.05)
    await keys.find("old")
    issuer.gate.clear()
    clock.advance(ms=FRESH_MS)
    assert await kids(keys, "old") == ["old"]
    clock.advance(ms=UNKNOWN_GAP_MS)
    monkeypatch.setattr(key_sets, "FETCH_LIMIT_S", 60)

    async with asyncio.timeout(20):  # less than a fetch may take now
        assert await kids(keys, "old") == ["old"]
    issuer.jwks = [NEW.jwk]
    issuer.gate.set()
    await until(lambda: keys._fetching is None)
    assert await kids(keys, "new") == ["new"]


async def test_an_issuer_that_is_not_there_is_named_as_the_reason(clock: ManualClock) -> None:
    async with issuing() as gone:
        keys = PublishedKeys(gone.url, clock)

    error = await why_none(keys)

    assert error.code is Code.UNAVAILABLE
    assert "issuer" in error.message
    assert gone.url not in error.message
    await keys.close()


async def test_closing_ends_a_fetch_and_begins_none(keys: PublishedKeys, issuer: Issuer) -> None:
    issuer.gate.clear()
    waiting = asyncio.create_task(why_none(keys))
    await until(lambda: issuer.asked)

    await keys.close()

    assert (await waiting).code is Code.UNAVAILABLE
    assert (await why_none(keys)).code is Code.UNAVAILABLE
    assert issuer.asked == 1


# --- an issuer that says where its keys are ---


async def test_an_issuer_is_asked_where_its_keys_are(issuer: Issuer, clock: ManualClock) -> None:
    keys = PublishedKeys(issuer.base_url, clock, is_issuer=True)
    assert await kids(keys, "old") == ["old"]
    await keys.close()


@pytest.mark.parametrize(
    "configuration",
    [
        {"issuer": "https://another.example"},
        {"jwks_uri": None},
        {"jwks_uri": "http://elsewhere.example/jwks.json"},
        {"jwks_uri": "file:///etc/passwd"},
    ],
    ids=str,
)
async def test_a_configuration_that_cannot_be_trusted_has_no_keys(
    issuer: Issuer, clock: ManualClock, configuration: dict[str, str | None]
) -> None:
    issuer.configuration = dict(configuration)
    keys = PublishedKeys(issuer.base_url, clock, is_issuer=True)
    assert (await why_none(keys)).code is Code.UNAVAILABLE
    assert issuer.asked == 0
    await keys.close()


async def test_keys_are_not_asked_for_where_somebody_on_the_way_could_answer(
    issuer: Issuer, clock: ManualClock
) -> None:
    # It leads to the issuer, but does not say that it is this machine.
    issuer.configuration = {"jwks_uri": issuer.url.replace("127.0.0.1", "0.0.0.0")}  # noqa: S104
    keys = PublishedKeys(issuer.base_url, clock, is_issuer=True)
    assert (await why_none(keys)).code is Code.UNAVAILABLE
    assert issuer.asked == 0
    await keys.close()
