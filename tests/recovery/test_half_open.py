"""A line that only seems open, whose client has come back to another process."""

from typing import Any

import pytest

from server.app import App
from server.core.ids import ConnectionId
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
