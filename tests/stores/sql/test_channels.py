"""Conversations of workspaces: who makes them, who is in them, and who may do what there."""

import asyncio

import pytest
from msgspec import structs

from server.core.durable import Role
from server.core.errors import Code
from server.core.ids import RoomId, UserId
from server.core.kinds import Kind
from server.core.limits import Bounds
from server.core.ports.channels import Texts
from server.stores.sql.conversations import leave_rooms
from server.stores.sql.steps import rows
from tests.stores.sql.channels import Atelier, atelier_of
from tests.stores.sql.households import NOW_MS, Household, phone
from tests.stores.sql.queues_at_home import Post
from tests.stores.sql.teams import asks, code_of, foreigner, found, new_workspace

ALICE, BOB, CAROL, DAN = map(UserId, ("alice", "bob", "carol", "dan"))

TEXTS = Texts(name="sealed name", description="", icon="", key_version=1)


@pytest.fixture
async def atelier(home) -> Atelier:
    return await atelier_of(home)


# --- made ---


async def test_a_channel_has_its_maker_as_owner_and_the_others_as_members(atelier):
    made = await atelier.make("alice", "bob", "bob", "alice")
    shown = made.channel.conversation
    assert made.is_new
    assert (shown.kind, shown.is_sealed, shown.key_version) == (Kind.GROUP, True, 1)
    assert (shown.workspace_id, shown.name, shown.role) == (
        atelier.team.id,
        "sealed name",
        Role.OWNER,
    )
    assert made.channel.key is not None
    assert made.channel.positions == {"alice": (0, None), "bob": (0, None)}
    assert await atelier.people(shown.room_id) == {"alice": "owner", "bob": "member"}


async def test_nobody_makes_one_in_a_workspace_that_it_is_not_in(atelier):
    assert await code_of(atelier.make("dan", "alice")) is Code.NOT_FOUND
    assert await code_of(atelier.make("alice", "bob", workspace_id="nowhere")) is Code.NOT_FOUND
    await atelier.team.remove("alice", "bob")
    assert await code_of(atelier.make("bob", "alice")) is Code.NOT_FOUND
    assert await atelier.home.count("rooms") == 0


async def test_nobody_is_put_into_one_who_is_not_in_the_workspace_or_blocks_who_makes_it(atelier):
    assert await code_of(atelier.make("alice", "dan")) is Code.RECIPIENT_NOT_FOUND
    await atelier.home.block("bob", "alice")
    assert await code_of(atelier.make("alice", "bob")) is Code.RECIPIENT_NOT_FOUND
    assert await code_of(atelier.make("alice", "bob", kind=Kind.DIRECT)) is Code.RECIPIENT_NOT_FOUND
    assert await atelier.home.count("rooms") == 0


async def test_two_have_one_direct_conversation_however_often_it_is_made(atelier):
    results = await asyncio.gather(
        *(
            atelier.make(*pair, kind=Kind.DIRECT)
            for pair in (("alice", "bob"), ("bob", "alice")) * 3
        )
    )
    assert {one.channel.conversation.room_id for one in results} == {
        results[0].channel.conversation.room_id
    }
    assert [one.is_new for one in results].count(True) == 1
    room = results[0].channel.conversation.room_id
    assert await atelier.people(room) == {"alice": "member", "bob": "member"}
    assert await atelier.home.count("room_members") == 2


async def test_a_direct_conversation_is_that_of_one_and_just_another(atelier):
    for members in (("alice",), (), ("bob", "carol")):
        code = await code_of(atelier.make("alice", *members, kind=Kind.DIRECT))
        assert code is Code.FORBIDDEN


async def test_that_of_a_workspace_is_not_that_which_the_two_have_elsewhere(atelier):
    elsewhere = (await atelier.home.send("alice", "bob")).message.room_id
    room = await atelier.room("alice", "bob", kind=Kind.DIRECT, is_sealed=False)
    assert room != elsewhere
    stored = await atelier.say("alice", room, is_sealed=False)
    assert stored.message.recipient is None  # else an answer would go to the other one
    assert await atelier.home.rooms.peer(ALICE, BOB) == elsewhere


async def test_a_document_has_one_conversation_into_which_comes_whoever_asks_for_it(atelier):
    made = await atelier.make("alice", kind=Kind.DOCUMENT, document_id="d")
    again = await atelier.make("bob", kind=Kind.DOCUMENT, document_id="d")
    room = made.channel.conversation.room_id
    assert again.channel.conversation.room_id == room
    assert (again.is_new, again.joined) == (False, ("bob",))
    assert (await atelier.make("bob", kind=Kind.DOCUMENT, document_id="d")).joined == ()
    assert await atelier.people(room) == {"alice": "owner", "bob": "member"}


async def test_a_document_of_the_same_id_in_another_workspace_is_another(atelier):
    room = await atelier.room("alice", kind=Kind.DOCUMENT, document_id="d")
    elsewhere = Atelier(atelier.home, await found(atelier.home))
    made = await elsewhere.make("alice", kind=Kind.DOCUMENT, document_id="d")
    assert made.is_new
    assert made.channel.conversation.room_id != room


async def test_who_opens_an_opaque_document_later_reads_nothing_of_before(atelier):
    document = {"kind": Kind.DOCUMENT, "document_id": "d"}
    for is_sealed, read in ((True, ["m1"]), (False, [])):
        wish = {**document, "document_id": f"d {is_sealed}", "is_sealed": is_sealed}
        room = await atelier.room("alice", **wish)
        await atelier.say("alice", room, "m1", is_sealed=is_sealed)
        await atelier.room("bob", **wish)
        assert await atelier.read_by("bob", room) == read


async def test_channels_do_not_count_among_the_direct_ones_that_somebody_begins(home):
    small = Household(home.database, Bounds(rooms_per_user=1))
    atelier = await atelier_of(small)
    await atelier.room("alice")
    assert await code_of(atelier.room("alice")) is Code.TOO_MANY_ROOMS
    await atelier.room("alice", "bob", kind=Kind.DIRECT)
    third = atelier.room("alice", "carol", kind=Kind.DIRECT)
    assert await code_of(third) is Code.TOO_MANY_ROOMS


async def test_two_who_open_a_document_at_once_are_in_the_same_conversation(databases):
    homes = [Household(one) for one in databases]
    await homes[0].settle("alice", "bob", "carol")
    first = await atelier_of(homes[0])
    second = Atelier(homes[1], first.team)
    for number in range(4):
        made = await asyncio.gather(
            first.make("alice", kind=Kind.DOCUMENT, document_id=f"d{number}"),
            second.make("bob", kind=Kind.DOCUMENT, document_id=f"d{number}"),
        )
        room, other = (one.channel.conversation.room_id for one in made)
        assert room == other
        assert set(await first.people(room)) == {"alice", "bob"}
    assert await homes[0].count("rooms") == 4


async def test_where_one_has_ended_another_may_be_made(atelier):
    room = await atelier.room("alice", kind=Kind.DOCUMENT, document_id="d")
    await atelier.channels.delete(ALICE, room, NOW_MS)
    again = await atelier.make("bob", kind=Kind.DOCUMENT, document_id="d")
    assert again.is_new
    pair = await atelier.room("alice", "bob", kind=Kind.DIRECT)
    for name in ("alice", "bob"):
        await atelier.home.change("UPDATE accounts SET deleted_ms = 1 WHERE user_id = $1", name)
        await atelier.home.database.write(lambda name=name: leave_rooms(UserId(name), None, 1))
    await atelier.home.change("UPDATE accounts SET deleted_ms = NULL WHERE user_id <> 'x'")
    made = await atelier.make("alice", "bob", kind=Kind.DIRECT)
    assert made.is_new
    assert made.channel.conversation.room_id != pair


async def test_rooms_and_members_are_bounded(atelier):
    home = atelier.home
    await home.settle("e", "f")
    for name in ("dan", "e", "f"):
        await atelier.team.add("alice", name)
    everybody = ("bob", "carol", "dan", "e", "f")
    assert await code_of(atelier.make("alice", *everybody)) is Code.LIMIT_REACHED
    document = {"kind": Kind.DOCUMENT, "document_id": "d"}
    room = await atelier.room("alice", *everybody[:4], **document)
    assert await code_of(atelier.make("f", **document)) is Code.ROOM_FULL
    joining = atelier.channels.add_member(asks("f"), room, UserId("f"), None, NOW_MS)
    assert await code_of(joining) is Code.ROOM_FULL
    for _ in range(3):
        await atelier.make("alice")
    assert await code_of(atelier.make("alice")) is Code.TOO_MANY_ROOMS
    assert await code_of(atelier.make("f", "alice")) is Code.LIMIT_REACHED


# --- found ---


async def test_a_conversation_is_none_for_those_who_are_not_in_it_or_not_in_the_workspace(atelier):
    room = await atelier.room("alice", "bob")
    elsewhere = await atelier.home.room_of("alice", "bob")  # of no workspace
    for name, where in (("carol", room), ("dan", room), ("alice", elsewhere), ("alice", "nowhere")):
        who, known = UserId(name), RoomId(where)
        for wish in (
            atelier.channels.place(asks(name), known),
            atelier.channels.get(who, known),
            atelier.channels.update(who, known, TEXTS, TEXTS, NOW_MS),
            atelier.channels.add_member(asks(name), known, CAROL, None, NOW_MS),
            atelier.channels.add_member(asks(name), known, who, None, NOW_MS),
            atelier.channels.set_role(who, known, ALICE, Role.MEMBER, NOW_MS),
            atelier.channels.remove_member(who, known, ALICE, NOW_MS),
            atelier.channels.delete(who, known, NOW_MS),
            atelier.channels.read(who, known, None, NOW_MS),
            atelier.posts.page(who, known, 10, NOW_MS),
        ):
            assert await code_of(wish) is Code.NOT_FOUND
    assert await atelier.posts.told_after(elsewhere, 0, 10) == ()


async def test_a_place_says_what_one_may_do_and_under_which_key_one_seals(atelier):
    room = await atelier.room("alice", "bob")
    place = await atelier.channels.place(asks("bob"), room)
    assert (place.workspace_id, place.role, place.kind) == (
        atelier.team.id,
        Role.MEMBER,
        Kind.GROUP,
    )
    assert place.key == await atelier.home.workspaces.key(atelier.team.id)
    opaque = await atelier.room("alice", "bob", is_sealed=False)
    place = await atelier.channels.place(asks("bob"), opaque)
    assert (place.is_sealed, place.key) == (False, None)


async def test_who_was_let_in_by_its_token_is_out_as_soon_as_that_no_longer_says_so(atelier):
    who = asks("7", atelier.team.id)
    await atelier.home.workspaces.note_foreign(foreigner("7"), NOW_MS)
    await atelier.home.workspaces.claim(who, [new_workspace(atelier.team.id)], NOW_MS)
    room = await atelier.room("alice", "7")
    assert (await atelier.channels.place(who, room)).role is Role.MEMBER
    shown = await atelier.channels.get(UserId("7"), room)
    assert {one.display_name for one in shown.conversation.participants} == {"Alice", "7 ☎"}
    assert await code_of(atelier.channels.place(asks("7"), room)) is Code.NOT_FOUND
    assert await atelier.channels.joined(who, atelier.team.id) == {room: 0}
    assert await code_of(atelier.channels.joined(asks("7"), atelier.team.id)) is Code.NOT_FOUND
    assert await code_of(atelier.listed("7")) is Code.NOT_FOUND
    document = await atelier.room("alice", kind=Kind.DOCUMENT, document_id="d")
    joining = atelier.channels.add_member(asks("7"), document, UserId("7"), None, NOW_MS)
    assert await code_of(joining) is Code.NOT_FOUND
    page, _ = await atelier.channels.page(asks("7"), None, None, None, 10, NOW_MS)
    assert page == ()


# --- changed ---


async def test_its_name_is_changed_by_admins_and_only_if_it_is_what_they_saw(atelier):
    room = await atelier.room("alice", "bob")
    new = Texts(name="another", description="of it", icon="i", key_version=1)
    assert await code_of(atelier.channels.update(BOB, room, new, TEXTS, NOW_MS)) is Code.FORBIDDEN
    shown = (await atelier.channels.update(ALICE, room, new, TEXTS, NOW_MS)).conversation
    assert (shown.name, shown.description, shown.icon) == ("another", "of it", "i")
    for saw in (
        TEXTS,
        structs.replace(new, name="x"),
        structs.replace(new, description="x"),
        structs.replace(new, icon="x"),
    ):
        again = atelier.channels.update(ALICE, room, new, saw, NOW_MS)
        assert await code_of(again) is Code.ID_CONFLICT, saw


async def test_what_is_not_sealed_is_no_name_of_a_sealed_one(atelier):
    room = await atelier.room("alice")
    plain = Texts(name="plain", description="", icon="", key_version=None)
    assert (
        await code_of(atelier.channels.update(ALICE, room, plain, TEXTS, NOW_MS))
        is Code.ID_CONFLICT
    )


async def test_admins_add_those_of_the_workspace_and_nobody_else(atelier):
    room = await atelier.room("alice", "bob")
    add = atelier.channels.add_member
    assert await code_of(add(asks("bob"), room, CAROL, None, NOW_MS)) is Code.FORBIDDEN
    assert await code_of(add(asks("alice"), room, DAN, None, NOW_MS)) is Code.RECIPIENT_NOT_FOUND
    added = await add(asks("alice"), room, CAROL, None, NOW_MS)
    assert (added.joined, added.changed) == (("carol",), ("members",))
    assert (await add(asks("alice"), room, CAROL, None, NOW_MS)).changed == ()
    await atelier.home.change("UPDATE rooms SET is_sealed = FALSE WHERE room_id = $1", room)
    other_door = atelier.home.rooms.add_member(ALICE, room, DAN, None, NOW_MS)
    assert await code_of(other_door) is Code.RECIPIENT_NOT_FOUND


async def test_whoever_is_in_the_workspace_adds_itself_to_a_document_and_to_nothing_else(atelier):
    document = await atelier.room("alice", kind=Kind.DOCUMENT, document_id="d")
    group = await atelier.room("alice")
    add = atelier.channels.add_member
    assert await code_of(add(asks("bob"), group, BOB, None, NOW_MS)) is Code.NOT_FOUND
    assert await code_of(add(asks("dan"), document, DAN, None, NOW_MS)) is Code.NOT_FOUND
    assert await code_of(add(asks("bob"), document, BOB, Role.ADMIN, NOW_MS)) is Code.FORBIDDEN
    assert await code_of(add(asks("bob"), document, CAROL, None, NOW_MS)) is Code.NOT_FOUND
    assert (await add(asks("bob"), document, BOB, None, NOW_MS)).joined == ("bob",)


async def test_owners_set_the_roles_of_those_who_are_in_it(atelier):
    room = await atelier.room("alice", "bob")
    set_role = atelier.channels.set_role
    assert await code_of(set_role(BOB, room, BOB, Role.ADMIN, NOW_MS)) is Code.FORBIDDEN
    wish = set_role(ALICE, room, CAROL, Role.ADMIN, NOW_MS)
    assert await code_of(wish) is Code.RECIPIENT_NOT_FOUND
    assert (await set_role(ALICE, room, BOB, Role.ADMIN, NOW_MS)).changed == ("members",)
    assert await atelier.people(room) == {"alice": "owner", "bob": "admin"}


async def test_nothing_is_changed_of_a_direct_one(atelier):
    room = await atelier.room("alice", "bob", kind=Kind.DIRECT)
    for wish in (
        atelier.channels.update(ALICE, room, TEXTS, TEXTS, NOW_MS),
        atelier.channels.add_member(asks("alice"), room, CAROL, None, NOW_MS),
        atelier.channels.set_role(ALICE, room, BOB, Role.ADMIN, NOW_MS),
        atelier.channels.remove_member(ALICE, room, BOB, NOW_MS),
        atelier.channels.delete(ALICE, room, NOW_MS),
    ):
        assert await code_of(wish) is Code.FORBIDDEN


async def test_no_queue_hears_of_a_sealed_one_and_each_of_an_opaque_one(atelier):
    await Post(atelier.home, Bounds()).store.see([phone("bob")], NOW_MS)
    for is_sealed, least in ((True, 0), (False, 1)):
        room = await atelier.room("alice", "bob", is_sealed=is_sealed)
        await atelier.channels.add_member(asks("alice"), room, CAROL, None, NOW_MS)
        await atelier.channels.remove_member(ALICE, room, CAROL, NOW_MS)
        await atelier.channels.delete(ALICE, room, NOW_MS)
        assert bool(await atelier.home.count("queued_events")) is bool(least)


async def test_no_queue_hears_of_a_direct_one(atelier):
    await Post(atelier.home, Bounds()).store.see([phone("bob")], NOW_MS)
    pair = {"kind": Kind.DIRECT, "is_sealed": False}
    await atelier.room("alice", "bob", **pair)
    await atelier.team.remove("alice", "bob")
    await atelier.team.add("alice", "bob")
    await atelier.room("alice", "bob", **pair)
    assert await atelier.home.count("queued_events") == 0


async def test_all_that_is_done_stands_in_the_audit_of_the_workspace(atelier):
    room = await atelier.room("alice", "bob")
    await atelier.channels.add_member(asks("alice"), room, CAROL, None, NOW_MS)
    await atelier.channels.set_role(ALICE, room, CAROL, Role.ADMIN, NOW_MS)
    await atelier.channels.update(ALICE, room, structs.replace(TEXTS, name="x"), TEXTS, NOW_MS)
    await atelier.say("bob", room, "m1")
    await atelier.edit("bob", "m1")
    await atelier.delete("alice", "m1")
    await atelier.channels.remove_member(ALICE, room, CAROL, NOW_MS)
    await atelier.channels.delete(ALICE, room, NOW_MS)
    noted = await atelier.home.database.read(
        lambda: rows(
            "SELECT action, subject_id FROM audit WHERE workspace_id = $1 AND room_id = $2 "
            "ORDER BY at_ms",
            *(atelier.team.id, room),
        )
    )
    assert sorted(tuple(one) for one in noted) == sorted(
        [
            ("room_made", room),
            ("member_added", "bob"),
            ("member_added", "carol"),
            ("made_admin", "carol"),
            ("room_changed", room),
            ("message_edited", "bob"),
            ("message_deleted", "bob"),
            ("member_removed", "carol"),
            ("room_ended", room),
        ]
    )
