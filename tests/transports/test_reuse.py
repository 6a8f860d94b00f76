"""What is used again, descriptors and ids of connections, never brings the one before back."""

import asyncio
import itertools
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from tests.conformance.frames import is_refused, websocket
from tests.conformance.polling import Session, open_session
from tests.servers import RunningServer, running, until
from tests.transports.slow import event, until_heard
from tests.transports.wire import WEBSOCKET, PollingLine, WebSocketLine

ROUNDS = 4
AT_A_TIME = 8


def descriptors(server: RunningServer) -> set[int]:
    """Of the server's open WebSockets."""
    connections = list(server.app._upgrades._open)
    transports = [one._transport for one in connections if one._transport]
    return {transport.get_extra_info("socket").fileno() for transport in transports}


@asynccontextmanager
async def loud_lair(server: RunningServer) -> AsyncIterator[None]:
    """Alice talks to Bob in "lair" all the time."""
    async with WebSocketLine(server.url) as alice, WebSocketLine(server.url) as bob:
        for name, line in (("alice", alice), ("bob", bob)):
            await (await line.open()).join("lair", name)

        async def talk() -> None:
            for heard in itertools.count(1):
                await alice.send(event("send-message", encrypted="for the lair only"))
                if heard % 5 == 0:
                    await until_heard(bob, heard)

        talking = asyncio.create_task(talk())
        try:
            yield
        finally:
            talking.cancel()
            await asyncio.gather(talking, return_exceptions=True)


async def vanish(line: WebSocketLine) -> None:
    """Be gone without a word."""
    assert line.socket
    connection = line.socket._response.connection
    assert connection
    assert connection.transport
    connection.transport.abort()


async def say_goodbye(line: WebSocketLine) -> None:
    assert line.socket
    await line.socket.close()


@pytest.mark.parametrize("go", [vanish, say_goodbye])
async def test_whoever_gets_the_descriptor_of_a_member_hears_nothing_of_its_room(
    go: Callable[[WebSocketLine], Awaitable[None]],
) -> None:
    of_members: set[int] = set()
    of_newcomers: set[int] = set()
    async with running(RATE_LIMITS="off", RECONNECT_GRACE_S=0) as server, loud_lair(server):
        of_the_pair = descriptors(server)
        for round_number in range(ROUNDS):
            # Clients' descriptors are of the same process: have the two change sides.
            spare = socket.socket() if round_number % 2 else None
            members = [WebSocketLine(server.url) for _ in range(AT_A_TIME)]
            for n, member in enumerate(members):
                await (await member.open()).join("lair", f"member {round_number}.{n}")
            of_members |= descriptors(server) - of_the_pair
            newcomers = [WebSocketLine(server.url) for _ in range(AT_A_TIME)]
            for n, (member, newcomer) in enumerate(zip(members, newcomers, strict=True)):
                await go(member)
                await newcomer.open()
                await newcomer.join(f"den {round_number}.{n}", "newcomer")
            of_newcomers |= descriptors(server) - of_the_pair
            for newcomer in newcomers:
                answer = await newcomer.ask(
                    "get-public-keys", {"sessionId": newcomer_den(newcomer)}
                )
                assert [member["userId"] for member in answer["members"]] == ["newcomer"]
                assert "lair" not in "".join(map(str, newcomer.heard))
            for line in (*members, *newcomers):
                await line.leave()
            if spare:
                spare.close()
    assert len(of_members & of_newcomers) > AT_A_TIME / 2


def newcomer_den(line: WebSocketLine) -> str:
    (joined,) = line._acks.values()
    return str(joined["sessionId"])


async def test_who_polls_on_the_tcp_connections_of_members_hears_nothing_of_their_room() -> None:
    async with running(RATE_LIMITS="off", RECONNECT_GRACE_S=0) as server, loud_lair(server):
        for n in range(ROUNDS):
            async with PollingLine(server.url) as member:
                await (await member.open()).join("lair", f"member {n}")
                await until_heard(member, 1)
            async with PollingLine(server.url) as newcomer:
                await (await newcomer.open()).join(f"den {n}", "newcomer")
                await newcomer.ask("typing-start", {"sessionId": f"den {n}"})
                assert "lair" not in "".join(map(str, newcomer.heard))


# --- the ids of Engine.IO ---


async def leave_by_goodbye(session: Session) -> None:
    await session.post("1")


async def leave_by_hanging_up(session: Session) -> None:
    async with session.waiting_poll():
        pass


async def leave_by_two_polls(session: Session) -> None:
    async with session.waiting_poll():
        await session.get()


async def leave_by_moving_and_closing(session: Session) -> None:
    async with session.second_line() as line:
        await line.send("2probe")
        assert await line.read() == "3probe"
        await line.send("5")
        await line.close()
        await line.ended()


async def leave_by_missing_a_ping(session: Session) -> None:
    while "1" not in await session.poll():
        pass


LEAVINGS = (
    leave_by_goodbye,
    leave_by_hanging_up,
    leave_by_two_polls,
    leave_by_moving_and_closing,
    leave_by_missing_a_ping,
)


@pytest.mark.parametrize("leave", LEAVINGS)
async def test_the_id_of_a_closed_connection_opens_nothing_any_more(
    leave: Callable[[Session], Awaitable[None]],
) -> None:
    wait_s = 0.2 if leave is leave_by_missing_a_ping else 60
    async with running(PING_INTERVAL_S=wait_s, PING_TIMEOUT_S=wait_s) as server:
        session = await open_session(server.url)
        await session.post("40", event("join-session", userId="alice", isCreator=True))
        while not any("messages-history" in packet for packet in await session.poll()):
            pass

        await leave(session)
        await until(lambda: not server.app._gate.connections)

        assert (await session.get()).status == 400
        assert (await session.post("40")).status == 400
        assert await is_refused(server.url, session.target.replace("polling", "websocket"))
        assert server.app._gate.connections == 0


async def test_the_id_of_a_connection_that_does_not_poll_is_of_no_use_elsewhere() -> None:
    async with running() as server, websocket(server.url) as line:
        opened = str(await line.read())
        sid = opened.partition('"sid":"')[2].partition('"')[0]
        stolen = Session(server.url, {"sid": sid})

        assert (await stolen.get()).status == 400
        assert (await stolen.post("40")).status == 400
        assert await is_refused(server.url, f"{WEBSOCKET}&sid={sid}")
        await line.send("40")
        assert str(await line.read()).startswith("40")


async def test_no_two_connections_have_the_same_id(server: RunningServer) -> None:
    sids = [(await open_session(server.url)).opened["sid"] for _ in range(100)]

    assert len(set(sids)) == 100
