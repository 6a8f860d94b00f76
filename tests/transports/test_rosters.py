"""Lists of members in large rooms: merged, but complete, and never after who is in them speaks."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from tests.servers import RunningServer, running
from tests.transports.slow import counted, event, until_heard
from tests.transports.wire import WebSocketLine

MANY = 60

LISTS = 'hushwire_deliveries_total{event="public-keys-updated"}'


@asynccontextmanager
async def crowd(count: int) -> AsyncIterator[tuple[RunningServer, list[WebSocketLine]]]:
    """Connections that have joined nothing yet."""
    async with running(RATE_LIMITS="off") as server, AsyncExitStack() as stack:
        lines = [await stack.enter_async_context(WebSocketLine(server.url)) for _ in range(count)]
        for line in lines:
            await line.open()
        yield server, lines


async def join(line: WebSocketLine, n: int) -> Any:
    return await line.join("lair", f"user {n}", publicKey=f"key {n}")


async def join_at_once(lines: list[WebSocketLine]) -> None:
    await asyncio.gather(*(join(line, n) for n, line in enumerate(lines)))


def newest_list(line: WebSocketLine) -> dict[str, str]:
    """User ids and keys of the last list that was heard."""
    lists = line.events("public-keys-updated") or [[]]
    return {member["userId"]: member["publicKey"] for member in lists[-1]}


async def until_knows(line: WebSocketLine, members: dict[str, str]) -> None:
    await line.until(lambda: newest_list(line) == members)


async def until_all_know(lines: list[WebSocketLine]) -> None:
    everybody = {f"user {n}": f"key {n}" for n in range(len(lines))}
    for line in lines:
        await until_knows(line, everybody)


async def test_a_burst_of_joins_costs_far_fewer_lists_than_its_square_and_all_know_all() -> None:
    async with crowd(MANY) as (server, lines):
        await join_at_once(lines)
        await until_all_know(lines)

        assert await counted(server, LISTS) < MANY**2 / 4


async def test_a_burst_of_losses_leaves_the_others_with_the_list_of_who_is_left() -> None:
    async with crowd(MANY) as (server, lines):
        await join_at_once(lines)
        await until_all_know(lines)
        before = await counted(server, LISTS)
        stayers, leavers = lines[:20], lines[20:]

        await asyncio.gather(*(line.send(event("leave-session")) for line in leavers))
        await until_all_know(stayers)

        assert await counted(server, LISTS) - before < len(leavers) * len(lines) / 4


@pytest.mark.parametrize(
    ("sending", "hearing"), [("send-message", "new-message"), ("send-signal", "signal")]
)
async def test_nobody_hears_a_message_or_a_signal_before_the_key_of_its_sender(
    sending: str, hearing: str
) -> None:
    async with crowd(MANY) as (_, lines):
        for n, line in enumerate(lines):
            packets: dict[str, dict[str, Any]] = {
                "join-session": {"userId": f"user {n}", "publicKey": f"key {n}", "isCreator": True},
                sending: {"encrypted": f"from user {n}"},
            }
            await line.send(*(event(name, **data) for name, data in packets.items()))
        await until_all_know(lines)
        await lines[0].until(lambda: len(lines[0].events(hearing)) == MANY - 1)

        for line in lines:
            known: set[str] = set()
            for name, data in line._events:
                if name == "public-keys-updated":
                    known = {member["userId"] for member in data if member["publicKey"]}
                elif name == hearing:
                    assert data["from"] in known


async def test_a_new_key_is_known_before_what_it_encrypts() -> None:
    async with crowd(MANY) as (_, lines):
        await join_at_once(lines)
        await until_all_know(lines)

        for version in range(5):
            key = f"new key {version}"
            packets = {"save-public-key": {"publicKey": key}, "send-message": {"encrypted": key}}
            await lines[0].send(*(event(name, **data) for name, data in packets.items()))
        for line in lines[1:]:
            await until_heard(line, 5)

        for line in lines[1:]:
            key = ""
            for name, data in line._events:
                if name == "public-keys-updated":
                    (key,) = [one["publicKey"] for one in data if one["userId"] == "user 0"] or [""]
                elif name == "new-message":
                    assert data["encrypted"] == key


async def test_in_a_small_room_each_change_is_told_by_itself() -> None:
    async with crowd(10) as (_, lines):
        first, *others = lines
        await join(first, 0)

        await asyncio.gather(*(join(line, n) for n, line in enumerate(others, start=1)))
        await until_all_know(lines)

        sizes = [len(members) for members in first.events("public-keys-updated")]
        assert sizes == list(range(1, 11))


async def test_who_joins_in_a_burst_is_told_at_once_of_all_who_are_there() -> None:
    async with crowd(MANY) as (_, lines):
        for n, line in enumerate(lines):
            answer = await join(line, n)
            told = [member["userId"] for member in answer["members"]]
            assert sorted(told) == sorted(f"user {m}" for m in range(n + 1))
            assert json.dumps(newest_list(line)) == json.dumps(
                {member["userId"]: member["publicKey"] for member in answer["members"]}
            )
