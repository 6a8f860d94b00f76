"""A line that only seems open, whose client has come back to another process."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from server.app import App
from server.core.errors import AppError, Code
from server.core.ids import ConnectionId, RoomId
from server.core.matching import group_id_of
from server.core.ports import Missed
from server.stores.redis.live import RedisLive
from tests.clocks import ManualClock
from tests.issuers import by_secret
from tests.recovery.conftest import Travel
from tests.recovery.places import SHARED, Place
from tests.recovery.travellers import Traveller
from tests.servers import until
from tests.transports.wire import Line

pytestmark = pytest.mark.parametrize("site", ["two nodes"])


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
    """What makes a broker be interrupted each time that it has read what was missed.

    Attributes:
        by: What happens then, the first time, the second time and so on.
    """

    by: list[Callable[[], Awaitable[None]]]

    async def missed(self, room_id: RoomId, place: int) -> Missed | None:
        found: Missed | None = await super().missed(room_id, place)  # type: ignore[misc]
        if self.by:
            await self.by.pop(0)()
        return found


def interrupt(server: Place, sid: str, *by: Callable[[], Awaitable[None]]) -> None:
    """Have things happen in the midst of a connection's coming back to another process."""
    (other,) = (one.app for one in server.servers if not line_of(one.app, sid))
    broker: Any = other._live.broker
    broker.__class__ = type("Interrupted", (Interrupted, type(broker)), {})
    broker.by = list(by)


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

    interrupt(server, carol.sid, say)
    carol.note()
    assert await carol.back()
    again = await carol.say("lair", "words")

    assert said[0]["success"]
    assert again["id"] == said[0]["id"]
    await alice.hears("words")
    await former.leave()


# --- in a random group alone ---


@pytest.fixture
async def dave(server: Place, travel: Travel) -> Traveller:
    token = (await server.app.chat.tokens.issue_guest("127.0.0.1", "dave")).token
    return await travel(token=token)


@pytest.fixture
async def frank(clock: ManualClock, travel: Travel, dave: Traveller) -> Traveller:
    """In the group where Dave is, with a token for half a minute."""
    one = await travel(token=franks_token(clock, life_s=30))
    for person in (dave, one):
        answer = await person.line.ask("join_random_group", {"publicKey": f"key {person.sid}"})
        assert len(answer["group"]["members"]) == 1 + (person is one)
    return one


def franks_token(clock: ManualClock, life_s: int) -> str:
    claims = {"sub": "frank", "exp": clock.now_ms() // 1000 + life_s}
    return by_secret(claims, SHARED["JWT_SECRET"].strip().encode())


async def nothing() -> None:
    pass


async def group_of(server: Place) -> Any:
    """The one in which both are."""
    (group,) = (await server.app.chat.groups.page(0, 10)).groups
    assert group.members == 2
    return group_id_of(group.room_id)


async def tell(line: Line, group_id: str, words: str) -> Any:
    return await line.ask("send_group_message", {"groupId": group_id, "encryptedMessage": words})


def told(line: Line) -> list[Any]:
    return [message["encryptedContent"] for message in line.events("new_message")]


async def test_what_its_former_line_says_in_a_group_is_refused_before_it_is_known_what_was_missed(
    server: Place, dave: Traveller, frank: Traveller
) -> None:
    group_id = await group_of(server)
    former = frank.line
    answers: list[Any] = []

    async def say() -> None:
        answers.append(await tell(former, group_id, f"words {len(answers)}"))

    interrupt(server, frank.sid, say, say)
    frank.note()
    assert await frank.back()
    again = [await tell(frank.line, group_id, f"words {number}") for number in range(2)]

    # The first one was missed, and the second one was not said.
    assert [one["success"] for one in answers] == [True, False]
    assert [one["success"] for one in again] == [True, True]
    await dave.line.until(lambda: len(told(dave.line)) >= 2)
    assert told(dave.line) == ["words 0", "words 1"]
    await former.leave()


async def test_who_is_back_is_in_its_group_at_once_and_hears_once_what_is_said_there(
    server: Place, dave: Traveller, frank: Traveller
) -> None:
    group_id = await group_of(server)
    left, former = process_of(server, frank.sid), frank.line

    async def talk() -> None:
        assert (await tell(dave.line, group_id, "while you come back"))["success"]

    interrupt(server, frank.sid, nothing, talk)
    frank.note()
    assert await frank.back()
    assert (await tell(dave.line, group_id, "now that you are back"))["success"]

    await frank.line.until(lambda: len(told(frank.line)) >= 2)
    assert (await tell(frank.line, group_id, "I heard"))["success"]
    await frank.line.until(lambda: len(told(frank.line)) >= 3)
    assert told(frank.line) == ["while you come back", "now that you are back", "I heard"]
    assert "joined_group" not in [name for name, _ in frank.line._events]
    assert not (await tell(former, group_id, "from the grave"))["success"]
    await former.leave()
    await until(lambda: not line_of(left, frank.sid))
    assert holds(left, frank.sid) == []
    assert holds(process_of(server, frank.sid), frank.sid) == PARTS[1:]


async def test_that_its_former_lines_token_was_not_renewed_ends_nothing(
    server: Place, clock: ManualClock, dave: Traveller, frank: Traveller
) -> None:
    group_id = await group_of(server)
    left, former = process_of(server, frank.sid), frank.line
    frank.note()
    frank.auth["token"] = franks_token(clock, life_s=3_600)
    assert await frank.back()

    for seconds in (31, 61):  # it runs out, and so does the time to renew it
        clock.advance(seconds=seconds)
        await left.chat.sign_ins.expire()
    assert former.events("auth-expired")
    assert (await tell(dave.line, group_id, "still there?"))["success"]
    await frank.line.until(lambda: told(frank.line))

    assert (await tell(frank.line, group_id, "yes"))["success"]
    assert not frank.line.events("group_closed")
    await former.leave()


async def test_who_cannot_be_restored_after_all_is_in_its_group_by_the_new_connection_alone(
    server: Place, dave: Traveller, frank: Traveller
) -> None:
    group_id, sid, former = await group_of(server), frank.sid, frank.line

    async def fail() -> None:
        raise AppError(Code.UNAVAILABLE, "the log is away")

    interrupt(server, sid, nothing, fail)
    assert not await frank.back()
    await former.leave()

    await until(lambda: not any(holds(one.app, sid) for one in server.servers))
    assert (await tell(dave.line, group_id, "still there?"))["success"]
    await frank.line.until(lambda: told(frank.line))
    assert (await tell(frank.line, group_id, "yes"))["success"]
