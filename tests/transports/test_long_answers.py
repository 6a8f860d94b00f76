"""What a client has asked for reaches it whole, however slowly it reads; but one at a time."""

import asyncio
import json
import socket
from contextlib import AsyncExitStack

import pytest

from server.transports import stall, websocket
from server.transports.socketio.outgoing import pack
from server.transports.socketio.poller import Poller
from tests.clocks import LIMIT_S
from tests.conformance.polling import open_session
from tests.servers import RunningServer, until
from tests.transports.slow import (
    BOUND_BYTES,
    RECEIVE_BUFFER_BYTES,
    LoudRoom,
    SlowReader,
    counted,
    cut_readers,
    event,
    loud_room,
    tight_server,
    until_heard,
)
from tests.transports.wire import head

JOIN = event("join-session", userId="dave", isCreator=True)
KEYS = event("get-public-keys")
CHUNK = "h" * 15_000


async def fill_history(room: LoudRoom, messages: int) -> None:
    """Have a history of that many messages of 15,000 bytes."""
    for _ in range(messages // 2):
        await room.talk(2, CHUNK)


async def histories(server: RunningServer) -> float:
    """How many were written, to whoever joined."""
    return await counted(server, 'hushwire_deliveries_total{event="messages-history"}')


def words_of(history: list[dict[str, str]]) -> list[str]:
    return [message["encrypted"] for message in history]


async def test_a_history_far_beyond_the_bound_arrives_whole_while_the_room_talks_on() -> None:
    async with tight_server() as server, loud_room(server) as room, SlowReader(server.url) as dave:
        await fill_history(room, 240)
        old = list(room.said)
        assert sum(map(len, old)) > 50 * BOUND_BYTES
        before = await histories(server)

        await dave.send(JOIN)
        await until_more(server, before)
        for _ in range(10):
            await room.talk(5)
            await dave.read()
        await dave.read_all(lambda: len(dave.said()) == len(room.said) - len(old))

        assert words_of(dave.events("messages-history")[0]) == old
        assert old + dave.said() == room.said
        assert await cut_readers(server) == 0


async def until_more(server: RunningServer, before: float) -> None:
    async with asyncio.timeout(LIMIT_S):
        while await histories(server) == before:
            pass


async def test_who_stops_reading_its_history_is_cut_off_once_the_room_goes_beyond_the_bound() -> (
    None
):
    async with tight_server() as server, loud_room(server) as room, SlowReader(server.url) as dave:
        await fill_history(room, 20)
        before = await histories(server)
        await dave.send(JOIN)
        await until_more(server, before)

        flooded_bytes = await room.talk_until_cut()

        assert 0.8 * BOUND_BYTES < flooded_bytes < BOUND_BYTES + 300_000


async def test_of_fifty_requests_only_those_are_handled_whose_answers_are_taken() -> None:
    async with tight_server() as server, loud_room(server) as room, SlowReader(server.url) as dave:
        await fill_history(room, 14)
        old = list(room.said)
        before = await histories(server)

        await dave.send(*[JOIN] * 50)
        await until_more(server, before)
        await room.talk(20)

        assert await histories(server) - before <= 2
        connections = server.app._upgrades._open
        assert sum(one._unsent_bytes() for one in connections) < 3 * 210_000
        dave.widen()
        await dave.read_all(lambda: len(dave.events("messages-history")) == 50)
        assert all(words_of(one)[: len(old)] == old for one in dave.events("messages-history"))
        assert await cut_readers(server) == 0


async def test_of_fifty_requests_over_polling_only_those_are_handled_whose_answers_are_taken() -> (
    None
):
    async with tight_server() as server, loud_room(server) as room:
        await fill_history(room, 6)
        old = list(room.said)
        before = await histories(server)
        dave = await open_session(server.url)
        await dave.post("40")

        await dave.post(*[JOIN] * 50)
        await until_more(server, before)
        await room.talk(20)

        assert await histories(server) - before <= 2
        heard: list[list[dict[str, str]]] = []
        while len(heard) < 50:
            packets = [one for one in await dave.poll() if one.startswith('42["messages-history"')]
            heard += [json.loads(packet[2:])[1] for packet in packets]
        assert all(words_of(history)[: len(old)] == old for history in heard)
        assert await cut_readers(server) == 0


async def test_requests_after_a_long_answer_are_handled_in_order_once_it_is_taken() -> None:
    async with tight_server() as server, loud_room(server) as room, SlowReader(server.url) as dave:
        await fill_history(room, 20)
        before = await histories(server)

        await dave.send(JOIN, *(event("send-message", encrypted=f"{n}") for n in range(20)))
        await until_more(server, before)
        await room.talk(5)
        assert len(room.bob.events("new-message")) == len(room.said)
        await dave.read_all(lambda: len(dave.events("message-sent")) == 20)

        said_by_dave = [f"{n}" for n in range(20)]
        assert words_of(dave.events("message-sent")) == said_by_dave
        room.said += said_by_dave
        for line in (room.bob, room.carol):
            await until_heard(line, len(room.said))


async def test_two_answers_that_only_together_fill_the_connection_are_outside_the_bound() -> None:
    async with tight_server() as server, loud_room(server) as room, SlowReader(server.url) as dave:
        await fill_history(room, 4)
        before = await histories(server)

        await dave.send(JOIN)
        await until_more(server, before)
        before = await histories(server)
        await dave.send(JOIN)
        await until_more(server, before)
        await room.talk(1)

        assert await cut_readers(server) == 0


# --- who takes nothing, and who takes little ---


async def test_who_takes_nothing_of_an_answer_is_cut_off_after_the_stall_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stall, "STALL_LIMIT_S", 0.1)
    monkeypatch.setattr(websocket, "CLOSE_LIMIT_S", 0.1)
    async with tight_server() as server, loud_room(server) as room, SlowReader(server.url) as dave:
        await fill_history(room, 20)

        await dave.send(JOIN)

        await until(lambda: server.app._gate.connections == 3)
        assert await cut_readers(server) == 1
        await until(lambda: len(server.app._upgrades._open) == 2)


async def test_who_takes_a_little_within_each_stall_limit_is_not_cut_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stall, "STALL_LIMIT_S", 0.5)
    async with tight_server() as server, loud_room(server) as room, SlowReader(server.url) as dave:
        await fill_history(room, 20)
        old = list(room.said)

        await dave.send(JOIN)
        taking = asyncio.create_task(dave.take_slowly(200_000))
        await until(lambda: dave.events("messages-history"))
        taking.cancel()

        assert words_of(dave.events("messages-history")[0]) == old
        assert await cut_readers(server) == 0


async def test_pings_do_not_cut_off_who_is_still_taking_a_long_answer() -> None:
    ticking = {"PING_INTERVAL_S": 0.2, "PING_TIMEOUT_S": 1}
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(tight_server(**ticking))
        room = await stack.enter_async_context(loud_room(server))
        await fill_history(room, 20)
        readers = [await stack.enter_async_context(SlowReader(server.url)) for _ in range(10)]
        for n, reader in enumerate(readers):
            await reader.send(event("join-session", userId=f"reader {n}", isCreator=True))

        # They come to their ends at different times between a ping and its limit.
        taking = [
            asyncio.create_task(reader.take_slowly(150_000 + 6_000 * n))
            for n, reader in enumerate(readers)
        ]
        await until(lambda: any_ended(taking) or all(reader.pings >= 3 for reader in readers), 10)

        assert not any_ended(taking)
        assert all(reader.events("messages-history") for reader in readers)
        for task in taking:
            task.cancel()


def any_ended(taking: list[asyncio.Task[None]]) -> bool:
    return any(task.done() for task in taking)


async def test_a_poll_of_which_nobody_takes_the_answer_ends_with_its_session(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stall, "STALL_LIMIT_S", 0.2)
    ticking = {"PING_INTERVAL_S": 0.2, "PING_TIMEOUT_S": 0.2}
    loop = asyncio.get_running_loop()
    async with tight_server(**ticking) as server, loud_room(server) as room:
        await fill_history(room, 20)
        dave = await open_session(server.url)
        await dave.post("40")
        await dave.post(JOIN)
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
            sock.setblocking(False)
            await loop.sock_connect(sock, ("127.0.0.1", server.app.port))
            await loop.sock_sendall(sock, head("GET", dave.target))

            await until(lambda: dave.opened["sid"] not in server.app.sockets.eio.sockets)
            held = server.app._runner.server
            assert held
            await until(lambda: not any(is_writing(one) for one in held.connections), limit_s=10)
            assert await cut_readers(server) == 1


def is_writing(connection: object) -> bool:
    transport = getattr(connection, "transport", None)
    return bool(transport and transport.get_write_buffer_size())


async def test_answers_that_a_poller_has_taken_do_not_raise_its_bound() -> None:
    poller = Poller()
    little, much = pack(b"x" * 100), pack(b"y" * 1_000_000)
    for _ in range(5):
        poller.answer(much)
        for _ in range(20):
            poller.put(little, BOUND_BYTES)
        while poller.unsent_bytes > 2_000:
            await poller.poll()

    while poller.put(little, BOUND_BYTES):
        assert poller.unsent_bytes < 2 * BOUND_BYTES
