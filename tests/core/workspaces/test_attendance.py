"""Who hears of what in workspaces: the right ones, each once, in order, and nothing is left out."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from msgspec import structs

from server.core.errors import Code
from server.core.ids import ConnectionId, MessageId, RoomId, UserId, WorkspaceId
from server.core.workspaces.events import (
    ChannelChanged,
    ChannelLeft,
    ChannelMade,
    PostDeleted,
    StandingChanged,
    WorkspaceEvent,
)
from server.core.workspaces.order import MAX_HELD
from server.core.workspaces.pace import (
    CHANGE_MS,
    CROWD,
    CROWDED_POSITION_MS,
    MANY,
    POSITION_MS,
    TYPED_MS,
    TYPING_MS,
)
from server.core.workspaces.telling import Teller
from server.core.workspaces.values import Standing
from tests.core.workspaces.hall import Hall, user
from tests.servers import until
from tests.stores.sql.teams import code_of

# --- coming in ---


async def test_who_joins_the_workspace_hears_of_all_its_conversations_and_of_no_others(hall, room):
    other = await hall.make("alice", "carol")
    assert await hall.join("alice") == tuple(sorted((room, other)))
    assert await hall.join("bob") == (room,)
    assert await hall.join("carol") == (other,)

    await hall.say("alice", room, "1")
    await hall.say("carol", other, "2")

    assert hall.texts("alice") == ["1", "2"]
    assert hall.texts("bob") == ["1"]
    assert hall.texts("carol") == ["2"]


async def test_who_joins_a_conversation_hears_of_that_one_alone(hall, room):
    other = await hall.make("alice", "bob")
    await hall.say("alice", room, "0")
    assert await hall.sit_down("bob", room) == 1

    await hall.say("alice", room, "1")
    await hall.say("alice", other, "2")

    assert hall.texts("bob") == ["1"]


async def test_who_has_joined_both_hears_it_once(hall, room):
    await hall.join("bob")
    await hall.sit_down("bob", room)
    await hall.say("alice", room, "1")

    assert hall.texts("bob") == ["1"]


async def test_a_connection_that_has_said_it_does_not_hear_it_and_the_user_s_others_do(hall, room):
    await hall.join("alice", "tab")
    await hall.join("alice", "phone")
    await hall.say("alice", room, "1", skip="tab")

    assert (hall.texts("tab"), hall.texts("phone")) == ([], ["1"])


async def test_for_whoever_is_not_in_it_there_is_none(hall, room):
    for name in ("carol", "dan"):
        assert await code_of(hall.sit_down(name, room)) is Code.NOT_FOUND
    assert await code_of(hall.join("dan")) is Code.NOT_FOUND
    assert await code_of(hall.sit_down("alice", RoomId("nowhere"))) is Code.NOT_FOUND
    assert hall.is_empty


async def test_nobody_joins_who_is_not_signed_in(hall, room):
    nobody = ConnectionId("tab")
    joining = hall.attendance.join_workspace(user("bob"), nobody, hall.id)
    assert await code_of(joining) is Code.UNAUTHENTICATED
    joining = hall.attendance.join_conversation(user("bob"), nobody, room)
    assert await code_of(joining) is Code.UNAUTHENTICATED
    assert hall.is_empty


async def test_a_connection_joins_so_many_and_may_join_the_same_again(hall, room):
    more = [await hall.make("alice", "bob") for _ in range(3)]
    for one in (room, *more[:2], room):
        await hall.sit_down("bob", one)
    assert await code_of(hall.sit_down("bob", more[2])) is Code.LIMIT_REACHED
    hall.attendance.leave_conversation(ConnectionId("bob"), room)
    await hall.sit_down("bob", more[2])

    guest = hall.attendance.gathering.guests[ConnectionId("bob")]
    guest.workspaces |= {WorkspaceId("1"), WorkspaceId("2")}
    assert await code_of(hall.join("bob")) is Code.LIMIT_REACHED


# --- going ---


async def test_who_leaves_a_conversation_hears_what_its_workspace_hears(hall, room):
    await hall.join("bob")
    for connection in ("bob", "tab"):
        await hall.sit_down("bob", room, connection)
        hall.attendance.leave_conversation(ConnectionId(connection), room)
    await hall.say("alice", room, "1")
    await hall.type("alice", room)

    assert (hall.texts("bob"), hall.texts("tab")) == (["1"], [])
    assert hall.typing() == []


async def test_nothing_is_left_of_whoever_goes(hall, room):
    await hall.join("alice")
    await hall.sit_down("alice", room)
    await hall.sit_down("bob", room)
    await hall.say("alice", room, "1")
    await hall.go("alice")
    await hall.say("alice", room, "2")
    await hall.go("bob")
    await hall.say("alice", room, "3")

    assert (hall.texts("alice"), hall.texts("bob")) == (["1"], ["1", "2"])
    assert hall.is_empty


async def test_a_token_that_has_lapsed_ends_what_was_joined(hall, room):
    await hall.join("bob")
    await hall.attendance.lapsed(UserId("bob"), ConnectionId("bob"))
    await hall.say("alice", room, "1")

    assert hall.texts("bob") == []
    assert hall.is_empty


async def test_who_is_removed_from_a_conversation_is_told_and_hears_nothing_more(hall, room):
    await hall.join("bob")
    await hall.sit_down("bob", room, "tab")
    await hall.join("alice")
    await hall.remove("bob", room)
    await hall.say("alice", room, "1")

    assert hall.kinds("bob") == hall.kinds("tab") == ["ChannelLeft"]
    assert hall.kinds("alice") == ["PostStored"]
    assert ConnectionId("tab") not in hall.attendance.gathering.guests


async def test_who_is_put_out_of_the_workspace_is_told_and_hears_nothing_more_of_it(hall, room):
    other = await hall.make("alice", "bob")
    await hall.join("bob")
    await hall.sit_down("bob", room, "tab")
    await hall.put_out("bob")
    for one in (room, other):
        await hall.say("alice", one, f"1 in {one}")

    assert hall.kinds("bob") == ["ChannelLeft", "ChannelLeft"]
    assert hall.kinds("tab") == ["ChannelLeft"]
    assert hall.is_empty


async def test_who_is_added_hears_of_it_and_of_all_that_follows(hall):
    await hall.join("alice")
    await hall.join("bob")
    room = await hall.make("alice", "bob")
    await hall.say("alice", room, "1")

    assert hall.kinds("bob") == ["ChannelMade", "PostStored"]


async def test_what_follows_a_join_is_told_in_order_though_its_second_message_comes_first(
    hall, room
):
    await hall.say("alice", room, "0")
    await hall.join("bob")
    first = await hall.store("alice", room, "1")
    await hall.say("alice", room, "2")
    assert hall.texts("bob") == []
    await hall.topics.publish(first)
    assert hall.texts("bob") == ["1", "2"]


# --- who comes and goes at the same time ---


async def test_who_was_removed_hears_nothing_though_its_coming_is_told_after_its_going(hall, room):
    await hall.join("carol")
    added = await hall.add("carol", room)
    await hall.remove("carol", room)
    await hall.topics.publish(added)
    await hall.say("alice", room, "1")
    await hall.later(0)
    await hall.say("alice", room, "2")

    assert hall.kinds("carol") == []


async def test_who_came_back_hears_all_though_its_going_is_told_after_its_coming(hall, room):
    await hall.join("bob")
    await hall.channels.remove_member(UserId("alice"), room, UserId("bob"), 1)
    await hall.topics.publish(await hall.add("bob", room))
    await hall.topics.publish(
        ChannelLeft(workspace_id=hall.id, room_id=room, users=(UserId("bob"),), at_ms=1)
    )
    await hall.later(0)
    await hall.say("alice", room, "1")

    assert hall.kinds("bob")[-3:] == ["ChannelLeft", "ChannelMade", "PostStored"]


async def test_who_is_removed_and_comes_back_is_told_so_and_hears_on(hall, room):
    await hall.join("bob")
    await hall.remove("bob", room)
    await hall.topics.publish(await hall.add("bob", room))
    await hall.later(0)
    await hall.say("alice", room, "1")

    assert hall.kinds("bob") == ["ChannelLeft", "ChannelMade", "PostStored"]


async def test_nobody_is_told_of_a_conversation_that_it_has_left_by_now(hall, room):
    told: list[WorkspaceEvent] = []

    async def tell(event: WorkspaceEvent) -> None:
        told.append(event)

    channel = await hall.channels.whole(room)
    teller = Teller(hall.topics.publish, tell, hall.channels)
    await teller.made(channel, (UserId("carol"),))
    await teller.made(channel, (UserId("carol"), UserId("bob")))
    assert [one.users for one in told if isinstance(one, ChannelMade)] == [("bob",)]


class Slow:
    """Has the store answer what it knew, after what a test does then."""

    def __init__(self, hall: Hall) -> None:
        self.hall = hall
        self._meanwhile: Callable[[], Awaitable[None]] | None = None
        # They ask for no more of the store than this.
        hall.attendance._channels = self  # type: ignore[assignment]
        hall.attendance._doubts._channels = self  # type: ignore[assignment]

    def then(self, meanwhile) -> None:
        self._meanwhile = meanwhile

    async def joined(self, who, workspace_id):
        found = await self.hall.channels.joined(who, workspace_id)
        await self._wait()
        return found

    async def place(self, who, room_id):
        found = await self.hall.channels.place(who, room_id)
        if self.hall.topics._heard:
            await self._wait()
        return found

    async def whole(self, room_id):
        return await self.hall.channels.whole(room_id)

    async def _wait(self) -> None:
        meanwhile, self._meanwhile = self._meanwhile, None
        if meanwhile:
            await meanwhile()


async def test_what_happens_while_somebody_joins_the_workspace_counts(hall, room):
    slow, other = Slow(hall), []

    async def meanwhile() -> None:
        await hall.remove("bob", room)
        other.append(await hall.make("alice", "bob"))

    slow.then(meanwhile)
    assert await hall.join("bob") == tuple(other)
    await hall.say("alice", room, "1")
    await hall.say("alice", other[0], "2")
    assert hall.texts("bob") == ["2"]


async def test_who_goes_and_comes_while_it_is_looked_up_is_looked_up_again(hall, room):
    async def go_and_come() -> None:
        await hall.remove("bob", room)
        await hall.topics.publish(await hall.add("bob", room))

    slow = Slow(hall)
    await hall.join("bob")
    await go_and_come()
    slow.then(go_and_come)
    await hall.later(0)
    await hall.later(0)
    await hall.say("alice", room, "1")
    assert hall.texts("bob") == ["1"]


async def test_who_is_removed_while_it_joins_does_not_come_in(hall, room):
    slow = Slow(hall)
    slow.then(lambda: hall.remove("bob", room))
    assert await code_of(hall.sit_down("bob", room)) is Code.NOT_FOUND
    slow.then(lambda: hall.put_out("carol"))
    assert await code_of(hall.join("carol")) is Code.NOT_FOUND
    assert hall.is_empty


async def test_whose_sign_in_ends_while_it_joins_does_not_come_in(hall):
    slow = Slow(hall)
    slow.then(lambda: hall.go("bob"))
    assert await code_of(hall.join("bob")) is Code.UNAUTHENTICATED
    assert hall.is_empty


# --- who hears what else ---


async def test_changes_reach_whoever_hears_of_the_conversation(hall, room):
    await hall.join("bob")
    await hall.sit_down("alice", room)
    await hall.join("carol")
    channel = (await hall.channels.get(UserId("alice"), room)).conversation
    about = {"workspace_id": hall.id, "room_id": room}
    whole = await hall.channels.get(UserId("alice"), room)
    await hall.topics.publish(ChannelChanged(**about, channel=whole, changed=("name",)))
    await hall.topics.publish(
        PostDeleted(
            **about,
            seq=channel.seq,
            message_id=MessageId("1"),
            user_id=UserId("alice"),
            deleted_ms=1,
        )
    )

    assert hall.kinds("bob") == hall.kinds("alice") == ["ChannelChanged", "PostDeleted"]
    assert hall.kinds("carol") == []


async def test_how_somebody_stands_reaches_all_who_have_joined_the_workspace(hall, room):
    await hall.join("bob")
    await hall.join("carol")
    await hall.sit_down("alice", room)
    await hall.topics.publish(
        StandingChanged(
            workspace_id=hall.id,
            user_id=UserId("bob"),
            standing=Standing.AWAY,
            seen_ms=1,
            said_ms=1,
        )
    )

    assert hall.heard[-1][1] == {"bob", "carol"}


async def test_what_is_withheld_reaches_its_sender_alone(hall, room):
    for name in ("alice", "bob"):
        await hall.join(name)
    event = await hall.store("alice", room, "1")
    await hall.topics.publish(structs.replace(event, only=UserId("alice")))

    assert (hall.texts("alice"), hall.texts("bob")) == (["1"], [])


# --- in order, and all of it ---


async def test_what_comes_out_of_order_is_told_in_order(hall, room):
    await hall.sit_down("bob", room)
    first, second, third = [await hall.store("alice", room, str(n)) for n in range(3)]
    for event in (third, second, third):
        await hall.topics.publish(event)
    assert hall.texts("bob") == []
    await hall.topics.publish(first)
    await hall.topics.publish(second)

    assert hall.texts("bob") == ["0", "1", "2"]
    assert hall.posts.reads == 0
    order = hall.attendance._deliveries._orders[hall.id][room]
    assert (order._held, order._timer) == ({}, None), "nothing is waited for"


async def test_what_does_not_come_by_itself_is_read(hall, room):
    await hall.sit_down("bob", room)
    await hall.store("alice", room, "0")
    await hall.store("alice", room, "1")
    await hall.say("alice", room, "2")

    await until(lambda: hall.texts("bob") == ["0", "1", "2"])
    await hall.say("alice", room, "3")
    assert hall.texts("bob") == ["0", "1", "2", "3"]
    assert hall.posts.reads == 1


async def test_who_comes_to_a_new_conversation_knows_where_it_begins(hall):
    await hall.join("bob")
    room = await hall.make("alice", "bob")
    await hall.store("alice", room, "0")
    await hall.say("alice", room, "1")

    await until(lambda: hall.texts("bob") == ["0", "1"])


async def test_a_store_that_is_away_is_asked_again(hall, room):
    await hall.sit_down("bob", room)
    hall.posts.is_away = True
    await hall.store("alice", room, "0")
    await hall.say("alice", room, "1")
    await until(lambda: hall.posts.reads)
    hall.posts.is_away = False

    await until(lambda: hall.texts("bob") == ["0", "1"])


@pytest.mark.parametrize(("gone", "left"), [(1, ["1"]), (2, [])])
async def test_what_is_no_more_is_not_waited_for(hall, room, gone, left):
    await hall.sit_down("bob", room)
    await hall.store("alice", room, "0")
    event = await hall.store("alice", room, "1")
    await hall.atelier.home.change(
        "DELETE FROM messages WHERE room_id = $1 AND seq <= $2", room, gone
    )
    await hall.topics.publish(event)
    await until(lambda: hall.posts.reads)
    await until(lambda: hall.texts("bob") == left)

    await hall.say("alice", room, "2")
    await until(lambda: hall.texts("bob") == [*left, "2"])
    assert hall.posts.reads == 1


async def test_after_too_much_was_missed_clients_are_to_read_and_it_goes_on(hall, room):
    await hall.sit_down("bob", room)
    for n in range(MAX_HELD + 1):
        await hall.store("alice", room, f"missed {n}")
    await hall.say("alice", room, "1")
    await until(lambda: hall.kinds("bob") == ["PostsMissed"])

    await hall.say("alice", room, "2")
    assert hall.texts("bob") == ["2"]


async def test_what_is_read_is_withheld_as_what_is_told(hall):
    pair = (await hall.atelier.make("alice", "bob")).channel.conversation.room_id
    await hall.sit_down("alice", pair)
    await hall.sit_down("bob", pair)
    await hall.store("alice", pair, "0")
    hidden = "UPDATE messages SET withheld = TRUE WHERE room_id = $1"
    await hall.atelier.home.change(hidden, pair)
    await hall.say("alice", pair, "1")

    await until(lambda: hall.texts("bob") == ["1"])
    assert hall.texts("alice") == ["0", "1"]


async def test_when_something_may_have_been_lost_it_is_looked_for(hall, room):
    gone, alone = await hall.make("alice", "bob", "carol"), await hall.make("alice", "carol")
    for name in ("alice", "bob"):
        await hall.join(name)
        await hall.say("alice", room, f"{name} is here")
    await hall.sit_down("bob", gone, "tab")
    hall.topics.loses = True
    await hall.remove("bob", gone)
    new = await hall.make("alice", "bob")
    await hall.say("alice", room, "1")
    hall.topics.loses = False
    hall.topics.lost(hall.id)
    await hall.attendance.expire()

    await until(lambda: hall.texts("bob")[1:] == ["1"])
    await hall.say("alice", new, "2")
    await hall.say("alice", gone, "3")
    await hall.say("alice", alone, "4")
    assert hall.texts("bob")[1:] == ["1", "2"]
    assert hall.texts("tab") == []
    assert hall.texts("alice")[2:] == ["1", "2", "3", "4"]
    assert [hall.kinds(one).count("ChannelLeft") for one in ("bob", "tab", "alice")] == [1, 1, 0]


async def test_who_was_put_out_and_did_not_hear_of_it_hears_nothing_more(hall, room):
    await hall.join("bob")
    await hall.sit_down("bob", room, "tab")
    hall.topics.loses = True
    await hall.put_out("bob")
    hall.topics.loses = False
    hall.topics.lost(None)
    await hall.attendance.expire()
    await hall.say("alice", room, "1")

    assert hall.kinds("bob") == hall.kinds("tab") == ["ChannelLeft"]
    assert hall.is_empty


# --- how often ---


async def test_typing_is_told_to_whoever_is_present_and_not_again_at_once(hall, room):
    await hall.sit_down("alice", room)
    await hall.sit_down("bob", room)
    await hall.join("bob", "sidebar")
    await hall.type("bob", room)
    await hall.type("bob", room)
    assert hall.typing() == [(True, {"alice"})]
    await hall.later(TYPING_MS)
    await hall.type("bob", room)
    await hall.type("bob", room, is_typing=False)
    await hall.type("bob", room, is_typing=False)

    assert hall.typing() == [(True, {"alice"}), (True, {"alice"}), (False, {"alice"})]


async def test_who_has_said_something_is_typing_no_more_and_may_begin_again_at_once(hall, room):
    await hall.sit_down("alice", room)
    await hall.type("bob", room)
    await hall.say("bob", room, "1")
    assert hall.kinds("alice")[-2:] == ["PostStored", "PostTyping"]
    assert hall.typing() == [(True, {"alice"}), (False, {"alice"})]

    await hall.say("bob", room, "2")
    await hall.type("carol", room)
    await hall.say("bob", room, "3")
    await hall.type("bob", room)
    assert hall.typing()[2:] == [(True, {"alice"}), (True, {"alice"})]


async def test_who_falls_silent_is_typing_no_more(hall, room):
    await hall.sit_down("alice", room)
    await hall.type("bob", room)
    await hall.later(TYPING_MS - 1)
    await hall.type("bob", room)
    await hall.later(TYPED_MS - 1)
    assert hall.typing() == [(True, {"alice"})]
    await hall.later(1)

    assert hall.typing() == [(True, {"alice"}), (False, {"alice"})]


async def test_positions_reach_those_present_and_the_reader_and_the_last_always_does(hall, room):
    await hall.sit_down("alice", room)
    await hall.join("alice", "sidebar")
    await hall.join("bob")
    await hall.join("carol")
    for seq in (1, 3, 2):
        await hall.read("bob", room, seq)
    assert hall.positions() == [(1, {"alice", "bob"})]
    await hall.later(POSITION_MS)
    await hall.later(POSITION_MS)
    await hall.read("bob", room, 4)

    assert [seq for seq, _ in hall.positions()] == [1, 3, 4]


async def test_a_crowd_hears_of_positions_less_often(hall, room):
    for n in range(CROWD + 1):
        await hall.sit_down("alice", room, f"alice {n}")
    await hall.read("bob", room, 1)
    await hall.read("bob", room, 2)
    await hall.later(CROWDED_POSITION_MS - 1)
    assert [seq for seq, _ in hall.positions()] == [1]
    await hall.later(1)

    assert [seq for seq, _ in hall.positions()] == [1, 2]


async def test_a_crowd_hears_of_its_changes_together_and_always_of_the_last(hall, room):
    await hall.join("alice")
    whole = await hall.channels.get(UserId("alice"), room)
    (member, *_) = whole.conversation.participants

    async def change(members: int, changed: str) -> None:
        now = structs.replace(whole.conversation, participants=(member,) * members)
        channel = structs.replace(whole, conversation=now)
        about = {"workspace_id": hall.id, "room_id": room, "changed": (changed,)}
        await hall.topics.publish(ChannelChanged(**about, channel=channel))

    for count in (MANY + 1, MANY + 2):
        await change(count, "members")
    await change(MANY, "name")
    await hall.later(CHANGE_MS - 1)
    assert hall.changes() == [(("members",), MANY + 1)]
    await hall.later(1)
    await change(MANY, "icon")
    assert hall.changes()[1:] == [(("members", "name"), MANY)]
    await hall.later(CHANGE_MS)
    await hall.later(CHANGE_MS)
    await change(MANY, "description")
    await change(MANY, "members")
    assert hall.changes()[2:] == [
        (("icon",), MANY),
        (("description",), MANY),
        (("members",), MANY),
    ]


async def test_many_who_come_and_go_at_once_leave_nothing_behind(hall, room):
    async def visit(number: int) -> None:
        name = ("alice", "bob")[number % 2]
        await hall.join(name, str(number))
        await hall.sit_down(name, room, str(number))
        await hall.say(name, room, f"{number}")
        await hall.go(str(number))

    await asyncio.gather(*map(visit, range(20)))
    assert hall.is_empty


def test_all_that_happens_in_a_workspace_is_told_to_somebody(hall):
    """What has no way of its own goes to the audience of a conversation, and so must have one."""
    known = hall.attendance._deliveries._ways
    for kind in WorkspaceEvent.__subclasses__():
        if kind.__module__ == ChannelMade.__module__:
            assert kind in known or "room_id" in kind.__struct_fields__
