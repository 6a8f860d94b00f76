"""Whether the tests of the APIs test what they are to: people on all nodes, and all they hear."""

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


async def test_having_caught_up_is_having_heard_what_was_said_on_another_node(
    server: RunningServer,
) -> None:
    alice, bob = [await Person(server).connect() for _ in "ab"]
    await alice.join("lair", "alice", isCreator=True)
    await bob.join("lair", "bob")
    for number in range(100):
        await alice.ask("send-message", {"sessionId": "lair", "encrypted": str(number)})
    await catch_up(bob)

    assert [one["encrypted"] for one in bob.all("new-message")] == [str(n) for n in range(100)]
    for person in (alice, bob):
        await person.vanish()
