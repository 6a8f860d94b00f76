"""A byte-identical resend whose first copy had no answer when it came is the retry of that."""

import asyncio
import json
from typing import Any

import pytest

from server.core.ids import ConnectionId
from server.core.ports import Appended, Draft
from server.transports.socketio.fanout import Hub
from tests.recovery.conftest import Travel
from tests.recovery.places import Place
from tests.recovery.travellers import Traveller
from tests.servers import until


class SlowRooms:
    """What makes a store of rooms take its time.

    Attributes:
        hub: Of its server.
        may_go_on: Appending waits for it.
        waiting: Messages that have come to it.
    """

    hub: Hub
    may_go_on: asyncio.Event
    waiting = 0

    async def append(self, draft: Draft, now_ms: int) -> Appended:
        self.waiting += 1
        await self.may_go_on.wait()
        appended: Appended = await super().append(draft, now_ms)  # type: ignore[misc]
        return appended


@pytest.fixture
def rooms(server: Place) -> SlowRooms:
    """The server's, which let messages pass until a test says so."""
    store: Any = server.app._live.rooms
    store.__class__ = type("Slow", (SlowRooms, type(store)), {})
    store.hub = server.app.sockets.namespace_handlers["/"]._hub
    store.may_go_on = asyncio.Event()
    store.may_go_on.set()
    slow: SlowRooms = store
    return slow


@pytest.fixture(params=["memory", "redis"])
def site(request: pytest.FixtureRequest) -> str:
    """One process."""
    name: str = request.param
    return name


def message(words: Any, number: int, **more: Any) -> str:
    request = {"sessionId": "lair", "encrypted": words, **more}
    return f"42{number}{json.dumps(['send-message', request])}"


async def say_twice_unanswered(
    carol: Traveller, rooms: SlowRooms, first: str, second: str
) -> tuple[Any, Any]:
    """Two packets, of which the second comes before the first is answered; and the answers."""
    rooms.may_go_on.clear()
    before = rooms.waiting
    await carol.line.send(first)
    await until(lambda: rooms.waiting > before)
    await asyncio.gather(carol.line.send(second), _let_go_on(carol, rooms))
    return await carol.line.ack(901), await carol.line.ack(902)


async def _let_go_on(carol: Traveller, rooms: SlowRooms) -> None:
    """Once the second packet has been read."""
    line = rooms.hub.line_of(ConnectionId(carol.sid))
    assert line
    await until(lambda: line.inbox.waiting() or line.is_awaited)
    rooms.may_go_on.set()


async def test_the_second_copy_of_what_had_no_answer_is_answered_as_the_first(
    alice: Traveller, carol: Traveller, rooms: SlowRooms
) -> None:
    for words in ("words", {"iv": [1, 2], "data": "x" * 20_000}):
        answers = await say_twice_unanswered(carol, rooms, message(words, 901), message(words, 902))
        carol.line._acks.clear()

        assert answers[0]["success"]
        assert answers[0] == answers[1]
    await alice.hears("words", {"iv": [1, 2], "data": "x" * 20_000})


@pytest.mark.parametrize(
    "other",
    [
        {"words": "other words"},
        {"words": "words", "type": "image"},
        {"words": "words", "to": "alice"},
        {"words": "words", "id": "m-2"},
    ],
)
async def test_what_differs_in_anything_is_another_message(
    alice: Traveller, carol: Traveller, rooms: SlowRooms, other: dict[str, Any]
) -> None:
    answers = await say_twice_unanswered(
        carol, rooms, message("words", 901), message(number=902, **other)
    )

    assert answers[0]["id"] != answers[1]["id"]
    await alice.hears("words", other["words"])


async def test_the_same_words_after_an_answer_are_another_message(
    alice: Traveller, carol: Traveller, rooms: SlowRooms
) -> None:
    first = await carol.say("lair", "words")
    second = await carol.say("lair", "words")

    assert first["id"] != second["id"]
    await alice.hears("words", "words")


async def test_what_needs_no_answer_is_no_retry(
    alice: Traveller, carol: Traveller, rooms: SlowRooms
) -> None:
    for _ in range(3):
        await carol.line.send(message("words", 0).replace("420", "42"))
    await carol.say("lair", "the end")

    await alice.hears("words", "words", "words", "the end")


async def test_the_same_of_another_connection_is_another_message(
    travel: Travel, alice: Traveller, carol: Traveller, rooms: SlowRooms
) -> None:
    bob = await travel()
    await bob.join("lair", "bob")
    rooms.may_go_on.clear()
    saying = [asyncio.ensure_future(one.say("lair", "words")) for one in (bob, carol)]
    await until(lambda: rooms.waiting == 2)
    rooms.may_go_on.set()

    first, second = await asyncio.gather(*saying)
    assert first["id"] != second["id"]


async def test_after_a_drop_the_first_thing_said_may_be_a_retry_and_the_next_is_none(
    alice: Traveller, carol: Traveller
) -> None:
    said = await carol.say("lair", "words")
    await carol.drop()
    assert await carol.back()

    again = await carol.say("lair", "words")
    anew = await carol.say("lair", "words")

    assert (again["id"], again["seq"]) == (said["id"], said["seq"])
    assert anew["id"] != said["id"]
    await alice.hears("words", "words")


async def test_what_was_answered_for_sure_before_the_drop_is_no_retry(
    alice: Traveller, carol: Traveller
) -> None:
    said = await carol.say("lair", "words")
    await alice.say("lair", "heard after the answer")
    await carol.hears("heard after the answer")
    await carol.drop()
    assert await carol.back()

    anew = await carol.say("lair", "words")

    assert anew["id"] != said["id"]
    await alice.hears("words", "words")


async def test_only_the_last_thing_said_may_be_said_again(
    alice: Traveller, carol: Traveller
) -> None:
    for words in ("first", "second"):
        await carol.say("lair", words)
    await carol.drop()
    assert await carol.back()

    await carol.say("lair", "first")

    await alice.hears("first", "second", "first")
