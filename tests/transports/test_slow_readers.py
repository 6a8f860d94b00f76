"""A reader that is too slow is cut off within its bound, and nobody else notices."""

import json
from contextlib import AsyncExitStack

import pytest

from server.transports import websocket
from tests.conformance.polling import Session, open_session
from tests.servers import RunningServer, until
from tests.transports.slow import (
    BOUND_BYTES,
    KERNEL_BYTES,
    WORDS,
    SlowReader,
    cut_readers,
    event,
    loud_room,
    tight_server,
    until_heard,
)
from tests.transports.wire import WebSocketLine

A_TALK_BYTES = 15_000
"""More than ten messages with all around them: the room goes on until a look shows the cut."""

LARGEST_BYTES = 120_000
"""Of one ciphertext; escaped, it still fits a payload."""


async def join_by_polling(server: RunningServer, user_id: str) -> Session:
    session = await open_session(server.url)
    await session.post("40")
    await session.post(event("join-session", userId=user_id, isCreator=True))
    await poll_until(session, '42["messages-history"')
    return session


async def poll_until(session: Session, start: str) -> list[str]:
    """All packets up to the poll that brings one which begins so."""
    packets: list[str] = []
    while not any(packet.startswith(start) for packet in packets):
        packets += await session.poll()
    return packets


# --- who stops reading ---


async def test_who_stops_reading_is_cut_off_within_the_bound_and_counted_once() -> None:
    async with (
        tight_server() as server,
        loud_room(server) as room,
        SlowReader(server.url) as mallory,
    ):
        await mallory.join("mallory")

        flooded_bytes = await room.talk_until_cut()

        assert BOUND_BYTES < flooded_bytes < BOUND_BYTES + KERNEL_BYTES + A_TALK_BYTES
        await until(lambda: server.app._gate.connections == 3)
        await room.bob.until(lambda: room.bob.events("user-left"))
        assert [(left["userId"], left["reason"]) for left in room.bob.events("user-left")] == [
            ("mallory", "lost")
        ]
        await room.talk(20)
        assert await cut_readers(server) == 1


async def test_who_is_cut_and_then_reads_finds_what_was_sent_before_and_why_it_ended() -> None:
    async with (
        tight_server() as server,
        loud_room(server) as room,
        SlowReader(server.url) as mallory,
    ):
        await mallory.join("mallory")
        await room.talk_until_cut()

        await mallory.read_to_the_end()

        assert mallory.close_code == 1013
        heard = mallory.said()
        assert heard == room.said[: len(heard)]
        assert sum(map(len, heard)) > BOUND_BYTES / 2


async def test_who_is_cut_and_does_not_read_is_gone_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "CLOSE_LIMIT_S", 0.1)
    async with (
        tight_server() as server,
        loud_room(server) as room,
        SlowReader(server.url) as mallory,
    ):
        await mallory.join("mallory")
        open_before = len(server.app._upgrades._open)

        await room.talk_until_cut()

        await until(lambda: len(server.app._upgrades._open) == open_before - 1)


async def test_who_stops_polling_is_cut_off_within_the_bound_and_counted_once() -> None:
    async with tight_server() as server, loud_room(server) as room:
        mallory = await join_by_polling(server, "mallory")

        flooded_bytes = await room.talk_until_cut()

        assert 0.8 * BOUND_BYTES < flooded_bytes < BOUND_BYTES + A_TALK_BYTES
        assert await mallory.is_closed()
        await room.bob.until(lambda: room.bob.events("user-left"))
        await room.talk(20)
        assert await cut_readers(server) == 1


async def test_who_stops_reading_signals_is_cut_off_within_the_bound() -> None:
    async with (
        tight_server() as server,
        loud_room(server) as room,
        SlowReader(server.url) as mallory,
    ):
        await mallory.join("mallory")
        signalled = 0

        while not await cut_readers(server):
            signalled += 10
            await room.alice.send(*[event("send-signal", encrypted=WORDS)] * 10)
            for line in (room.bob, room.carol):
                await until_heard(line, signalled, "signal")

        assert BOUND_BYTES < signalled * len(WORDS) < BOUND_BYTES + KERNEL_BYTES + A_TALK_BYTES
        await until(lambda: server.app._gate.connections == 3)


async def test_many_that_are_cut_off_in_one_round_keep_nothing_from_who_comes_after_them() -> None:
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(tight_server())
        room = await stack.enter_async_context(loud_room(server))
        for n in range(10):
            reader = await stack.enter_async_context(SlowReader(server.url))
            await reader.join(f"mallory {n}")
        erin = await stack.enter_async_context(WebSocketLine(server.url))
        await (await erin.open()).join("lair", "erin")

        while await cut_readers(server) < 10:
            await room.talk(10)

        await until(lambda: server.app._gate.connections == 4)
        await until_heard(erin, len(room.said))
        assert [message["encrypted"] for message in erin.events("new-message")] == room.said


# --- who is slow, but within the bound ---


async def test_a_reader_that_is_behind_by_less_than_the_bound_misses_nothing() -> None:
    async with (
        tight_server() as server,
        loud_room(server) as room,
        SlowReader(server.url) as dave,
    ):
        await dave.join("dave")

        while len(room.said) < 400:
            assert await room.talk(40) < BOUND_BYTES
            await dave.read_all(lambda: len(dave.said()) == len(room.said))

        assert dave.said() == room.said
        assert await cut_readers(server) == 0


async def test_a_poller_that_is_behind_by_less_than_the_bound_misses_nothing() -> None:
    async with tight_server() as server, loud_room(server) as room:
        dave = await join_by_polling(server, "dave")
        heard = 0

        while len(room.said) < 400:
            assert await room.talk(40) < BOUND_BYTES
            while heard < len(room.said):
                packets = await dave.poll()
                for packet in packets:
                    if packet.startswith('42["new-message"'):
                        assert f'"{room.said[heard]}"' in packet
                        heard += 1

        assert await cut_readers(server) == 0


@pytest.mark.parametrize(
    "character",
    [
        pytest.param("x", id="plain"),
        pytest.param("é", id="of two bytes"),
        pytest.param('"', id="escaped"),
        pytest.param("\x01", id="long escapes"),
    ],
)
@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_nobody_is_cut_for_two_of_the_largest_messages(
    character: str, transport: str
) -> None:
    words = character * (LARGEST_BYTES // len(character.encode()))
    async with (
        tight_server(MAX_CIPHERTEXT_BYTES=LARGEST_BYTES, MAX_PAYLOAD_BYTES=1_000_000) as server,
        WebSocketLine(server.url) as alice,
        SlowReader(server.url) as dave,
    ):
        await (await alice.open()).join("lair", "alice")
        if transport == "websocket":
            await dave.join("dave")
        else:
            dave_polls = await join_by_polling(server, "dave")

        await alice.send(*(event("send-message", encrypted=words) for _ in range(2)))
        await alice.until(lambda: len(alice.events("message-sent")) == 2)

        assert await cut_readers(server) == 0
        if transport == "websocket":
            await dave.read_all(lambda: dave.said() == [words, words])
        else:
            heard = await poll_until(dave_polls, '42["new-message"')
            assert [json.loads(packet[2:])[1]["encrypted"] for packet in heard[-2:]] == [words] * 2
