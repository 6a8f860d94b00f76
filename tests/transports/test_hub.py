"""The hub: who hears of a room, from which of its events on."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from server.core.events import ConnectionAttached, MemberJoined
from server.core.ids import ConnectionId, RoomId, UserId
from server.transports.socketio.fanout import Hub
from tests.servers import running
from tests.transports.wire import WebSocketLine

TEA = RoomId("tea-room")


@pytest.fixture
async def people() -> AsyncIterator[tuple[Hub, WebSocketLine, WebSocketLine]]:
    """The hub of a server, and two connections there."""
    async with (
        running() as server,
        WebSocketLine(server.url) as alice,
        WebSocketLine(server.url) as bob,
    ):
        await alice.open()
        await bob.open()
        namespace: Any = server.app.sockets.namespace_handlers["/"]
        yield namespace._hub, alice, bob


def attach(hub: Hub, line: WebSocketLine, place: int) -> None:
    connection_id = ConnectionId(line.welcome["sid"])
    user_id = UserId(connection_id)
    hub.deliver(
        ConnectionAttached(room_id=TEA, user_id=user_id, connection_id=connection_id), place
    )


def join(hub: Hub, name: str, place: int) -> None:
    joined = MemberJoined(room_id=TEA, seq=place, user_id=UserId(name), name=name, joined_ms=1)
    hub.deliver(joined, place)


async def heard(line: WebSocketLine, last: str) -> list[str]:
    """Who came, up to the last."""

    def names() -> list[str]:
        return [event["userId"] for event in line.events("user-joined")]

    await line.until(lambda: last in names())
    return names()


async def test_nobody_is_told_what_came_before_its_answer_however_late_that_is_heard_here(
    people: tuple[Hub, WebSocketLine, WebSocketLine],
) -> None:
    hub, alice, bob = people
    attach(hub, alice, 10)
    join(hub, "before both", 9)
    attach(hub, bob, 10)
    join(hub, "the last before both", 10)
    join(hub, "after both", 11)

    assert await heard(alice, "after both") == ["after both"]
    assert await heard(bob, "after both") == ["after both"]
