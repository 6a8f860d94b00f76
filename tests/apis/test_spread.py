"""Whether the tests of the APIs test what they are to: people on all nodes, and all they hear."""

import asyncio
from typing import Any

from server.app import App
from server.stores.redis.live import RedisLive
from tests.people import Person, catch_up
from tests.servers import RunningServer
from tests.transports.wire import PollingLine


async def test_people_who_come_one_after_the_other_are_on_different_nodes(
    server: RunningServer,
) -> None:
    people = [await Person(server).connect() for _ in server.nodes]

    assert [len(node.sockets.eio.sockets) for node in server.nodes] == [1] * len(server.nodes)
    for person in people:
        await person.vanish()


async def test_who_polls_is_served_whichever_node_is_asked(server: RunningServer) -> None:
    async with PollingLine(server.url) as line:
        await line.open()
        for number in range(5):
            assert (await line.join(f"room {number}", "alice"))["success"]

    forwarded = [
        node._metrics.registry.get_sample_value("hushwire_forwarded_total", {"kind": "request"})
        for node in server.nodes
    ]
    assert any(forwarded) is (len(server.nodes) > 1)


async def test_who_has_caught_up_has_heard_even_what_comes_late_to_its_node(
    server: RunningServer,
) -> None:
    alice, bob = [await Person(server).connect() for _ in "ab"]
    await alice.join("lair", "alice", isCreator=True)
    await bob.join("lair", "bob")
    for node in server.nodes[1:]:  # where Bob is, if there are several
        delay_hearing(node)
    await alice.ask("send-message", {"sessionId": "lair", "encrypted": "psst"})
    await catch_up(bob)

    assert [one["encrypted"] for one in bob.all("new-message")] == ["psst"]
    for person in (alice, bob):
        await person.vanish()


def delay_hearing(node: App) -> None:
    """Have a node on Redis hear everything a tenth of a second later."""
    assert isinstance(node._live, RedisLive)
    ear = node._live._ear
    take, loop = ear._on_message, asyncio.get_running_loop()

    def take_later(*said: Any) -> None:
        loop.call_later(0.1, take, *said)

    ear._on_message = take_later
