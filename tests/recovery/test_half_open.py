"""A line that only seems open, whose client has come back to another process."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from server.app import App
from server.core.ids import ConnectionId, RoomId
from server.core.ports import Missed
from server.stores.redis.live import RedisLive
from tests.recovery.conftest import Travel
from tests.recovery.places import Place
from tests.recovery.travellers import Traveller
from tests.servers import until

pytestmark = pytest.mark.parametrize("server", ["two nodes"], indirect=True)


@pytest.fixture
async def erin(server: Place, travel: Travel, alice: Traveller) -> Traveller:
    """In the lair, and in a random group."""
    token = (await server.app.chat.tokens.issue_guest("127.0.0.1", "erin")).token
    one = await travel(token=token)
    await one.join("lair", "erin", publicKey="erin's key")
    answer = await one.line.ask("join_random_group", {"publicKey": "erin's key"})
    assert answer["success"]
    return one


def process_of(server: Place, sid: str) -> App:
    """The one that has the line of a connection."""
    (found,) = (one.app for one in server.servers if line_of(one.app, sid))
    return found


def line_of(app: App, sid: str) -> Any:
    namespace: Any = app.sockets.namespace_handlers["/"]
    return namespace._hub.line_of(ConnectionId(sid))


PARTS = ["rooms", "groups", "sign-ins", "recoveries"]


def holds(app: App, sid: str) -> list[str]:
    """Which parts of a process take a connection for one of its own."""
    live, chat = app._live, app.chat
    assert isinstance(live, RedisLive)
    books: tuple[Any, ...] = (
        live._rooms._rooms_of,
        live._groups._here,
        chat.sign_ins._held,
        chat.recoveries._open,
    )
    return [part for part, book in zip(PARTS, books, strict=True) if sid in book]


@pytest.mark.parametrize("says_goodbye", [True, False])
async def test_the_process_that_it_has_left_keeps_nothing_of_it_and_ends_nothing(
    server: Place, alice: Traveller, erin: Traveller, *, says_goodbye: bool
) -> None:
    left = process_of(server, erin.sid)
    assert holds(left, erin.sid) == PARTS
    former = erin.line
    erin.note()
    assert await erin.back()

    if says_goodbye:
        await former.send("41")
    await former.leave()
    await until(lambda: not line_of(left, erin.sid))

    assert holds(left, erin.sid) == []
    assert holds(process_of(server, erin.sid), erin.sid) == PARTS
    await alice.say("lair", "still there?")
    await erin.hears("still there?")
    assert (await erin.say("lair", "yes"))["success"]


class Interrupted:
    """What makes a broker be interrupted after it has read what was missed, once.

    Attributes:
        by: What happens then.
    """

    by: Callable[[], Awaitable[None]] | None

    async def missed(self, room_id: RoomId, place: int) -> Missed | None:
        found: Missed | None = await super().missed(room_id, place)  # type: ignore[misc]
        by, self.by = self.by, None
        if by:
            await by()
        return found


async def test_what_its_former_line_says_until_it_is_taken_over_is_known_if_it_is_said_again(
    server: Place, travel: Travel, alice: Traveller
) -> None:
    carol = await travel()
    await carol.join("lair", "carol", publicKey="carol's key")
    former = carol.line
    said: list[Any] = []

    async def say() -> None:
        request = {"sessionId": "lair", "encrypted": "words"}
        said.append(await former.ask("send-message", request))

    (other,) = (one.app for one in server.servers if not line_of(one.app, carol.sid))
    broker: Any = other._live.broker
    broker.__class__ = type("Interrupted", (Interrupted, type(broker)), {})
    broker.by = say
    carol.note()
    assert await carol.back()
    again = await carol.say("lair", "words")

    assert said[0]["success"]
    assert again["id"] == said[0]["id"]
    await alice.hears("words")
    await former.leave()
