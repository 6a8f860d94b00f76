"""Of the server's words on a group only the newest waits, and they have places of their own."""

from collections.abc import AsyncIterator

import pytest

from server.core.errors import AppError
from server.core.ids import DeviceId, RoomId, UserId
from server.core.limits import Bounds
from server.core.ports.conversations import Device
from tests.stores.sql.households import NOW_MS, phone
from tests.stores.sql.queues_at_home import Post
from tests.stores.sql.words import (
    ALICE,
    BOB,
    CAROL,
    change_key,
    come_and_go,
    end_account,
    rotation,
    stretches,
    told,
    words_at,
)

BOUNDS = Bounds(queue_events=6, queue_events_of_sender=6, queue_rotations=2)

LAPTOP = Device(BOB, DeviceId("bob-laptop"))

DAY_MS = 24 * 60 * 60 * 1000


@pytest.fixture
async def post(home) -> AsyncIterator[Post]:
    made = await words_at(home, BOUNDS)
    yield made
    await made.check_counts()


async def let_go(post: Post, user: UserId, *rooms: RoomId) -> None:
    """Acknowledge the words on these groups."""
    said = [one for one in await post.read(phone(user)) if one.group_id in rooms]
    await post.acknowledge(phone(user), *(one.event_id for one in said))


async def share_groups(post: Post, count: int) -> None:
    """Have Alice and Bob in groups of which nothing waits for Alice."""
    for _ in range(count):
        await let_go(post, ALICE, await post.home.room_of("alice", "bob"))


async def kinds(post: Post, user: UserId) -> list[str]:
    return [what for *_, what in await stretches(post, phone(user))]


async def test_the_newest_word_on_a_group_takes_the_place_of_all_before(post):
    room = await post.home.room_of("alice", "bob")
    await come_and_go(post, room, 20)
    assert await stretches(post, phone(BOB)) == [(1, 40, "superseded"), (41, 41, "KEY_ROTATION")]
    assert await stretches(post, phone(ALICE)) == [(1, 40, "superseded"), (41, 41, "KEY_ROTATION")]
    assert (await told(post, BOB))[-1] == rotation(room, 41, "member_added", ALICE, BOB)


async def test_who_has_just_been_told_a_word_still_lets_it_go(post):
    room = await post.home.room_of("alice", "bob")
    (first,) = await post.read(phone(BOB))
    await post.home.rooms.add_member(ALICE, room, CAROL, None, NOW_MS)
    assert await post.acknowledge(phone(BOB), first.event_id) == [1]
    assert await stretches(post, phone(BOB)) == [(2, 2, "KEY_ROTATION")]


async def test_words_that_were_superseded_beside_each_other_have_one_place(post):
    one, other = [await post.home.room_of("alice", "bob") for _ in range(2)]
    await post.send("carol", "bob", "between")
    await post.home.rooms.add_member(ALICE, other, CAROL, None, NOW_MS)
    await post.home.rooms.add_member(ALICE, one, CAROL, None, NOW_MS)
    expected = ["superseded", "MESSAGE", "KEY_ROTATION", "KEY_ROTATION"]
    found = await stretches(post, phone(BOB))
    assert [what for *_, what in found] == expected
    assert found[0] == (1, 2, "superseded")


async def test_a_warning_of_another_key_stays_until_the_next_one(post):
    room = await post.home.room_of("alice", "bob")
    for _ in range(2):
        await change_key(post, ALICE)
        await come_and_go(post, room, 2)
    reasons = [said.get("reason") for _, said in await told(post, ALICE)]
    assert reasons == [None, "key_changed", None, "member_added"]


async def test_what_members_say_in_a_group_stays_whoever_comes_and_goes(post):
    room = await post.home.room_of("alice", "bob")
    await post.send("alice", room, "one")
    await come_and_go(post, room, 1)
    expected = ["superseded", "MESSAGE", "superseded", "KEY_ROTATION"]
    assert await kinds(post, BOB) == expected


async def test_who_is_out_is_warned_of_no_keys_of_that_group_any_more(post):
    room = await post.home.room_of("alice", "bob")
    await change_key(post, ALICE)
    await post.home.rooms.remove_member(ALICE, room, BOB, NOW_MS)
    expected = [(1, 2, "superseded"), (3, 3, "MEMBER_REMOVED")]
    assert await stretches(post, phone(BOB)) == expected


async def test_what_has_expired_beside_a_superseded_word_is_told_for_itself(post):
    await post.send("alice", "bob", now_ms=NOW_MS - 14 * DAY_MS)
    await post.store.expire(NOW_MS, 100)
    room = await post.home.room_of("alice", "bob")
    await post.home.rooms.add_member(ALICE, room, CAROL, None, NOW_MS)
    assert await stretches(post, phone(BOB)) == [
        (1, 1, "expired"),
        (2, 2, "superseded"),
        (3, 3, "KEY_ROTATION"),
    ]


async def test_superseded_words_become_one_place_in_the_queue_of_that_device_alone(post):
    await post.store.see([LAPTOP], NOW_MS)
    room = await post.home.room_of("alice", "bob")
    await post.send("carol", "bob", "between")
    await post.home.rooms.add_member(ALICE, room, CAROL, None, NOW_MS)
    await post.acknowledge(phone(BOB), "between")
    await post.home.rooms.remove_member(ALICE, room, CAROL, NOW_MS)
    last = (4, 4, "KEY_ROTATION")
    assert await stretches(post, phone(BOB)) == [(1, 3, "superseded"), last]
    apart = [(1, 1, "superseded"), (2, 2, "MESSAGE"), (3, 3, "superseded")]
    assert await stretches(post, LAPTOP) == [*apart, last]


async def test_nothing_is_left_of_a_word_that_was_superseded_everywhere(post):
    room = await post.home.room_of("alice", "bob")
    await post.home.rooms.add_member(ALICE, room, CAROL, None, NOW_MS)
    assert await post.home.count("events") == 1


async def test_nothing_is_left_of_a_word_that_all_have_acknowledged(post):
    room = await post.home.room_of("alice", "bob")
    await let_go(post, ALICE, room)
    assert await post.home.count("events") == 1
    await let_go(post, BOB, room)
    assert await post.home.count("events") == 0


# --- their places ---


async def test_rotations_take_no_place_from_events(post):
    for _ in range(2):
        await post.home.room_of("alice", "bob")
    for _ in range(6):
        assert (await post.send("carol", "bob")).users == (BOB,)


async def test_superseded_words_take_no_place_from_events(post):
    room = await post.home.room_of("alice", "bob")
    await post.home.rooms.add_member(ALICE, room, CAROL, None, NOW_MS)
    for _ in range(6):
        assert (await post.send("carol", "bob")).users == (BOB,)
    with pytest.raises(AppError):
        await post.send("carol", "bob")


async def test_places_that_say_superseded_are_bounded_for_groups_of_which_nothing_waits(post):
    room = await post.home.room_of("alice", "bob")
    found = []
    for _ in range(2):
        await post.send("carol", "bob")
        await come_and_go(post, room, 1)
        await let_go(post, BOB, await post.home.room_of("alice", "bob"))
        found.append((await stretches(post, phone(BOB)))[-1][2])
    assert found == ["KEY_ROTATION", "queue_full"]


async def test_who_makes_and_ends_groups_has_no_more_places_than_a_sender(home):
    bounds = Bounds(queue_events=50, queue_events_of_sender=6, queue_rotations=40)
    post = await words_at(home, bounds)
    for _ in range(10):
        room = await home.room_of("alice", "bob")
        await home.rooms.delete(ALICE, room, NOW_MS)
    found = await kinds(post, BOB)
    assert found.count("MEMBER_REMOVED") == 6
    assert found[-1] == "queue_full"
    with pytest.raises(AppError):
        await post.send("alice", "bob")
    assert (await post.send("carol", "bob")).users == (BOB,)


# --- many words in one transaction: Bob's account ends, who is in groups of Alice ---

FEW_ROTATIONS = Bounds(queue_events=50, queue_events_of_sender=50, queue_rotations=2)
TWO_OF_A_SENDER = Bounds(queue_events=50, queue_events_of_sender=2, queue_rotations=50)


async def test_a_word_that_is_superseded_leaves_its_place_to_one_on_another_group(home):
    post = await words_at(home, FEW_ROTATIONS)
    _, other = [await home.room_of("alice", "bob") for _ in range(2)]
    await let_go(post, ALICE, other)
    await end_account(post, BOB)
    assert await kinds(post, ALICE) == ["superseded", "KEY_ROTATION", "KEY_ROTATION"]


async def test_so_does_one_that_becomes_one_place_with_the_one_beside_it(home):
    post = await words_at(home, FEW_ROTATIONS)
    room = await home.room_of("alice", "bob")
    await post.send("carol", "alice")
    await home.rooms.add_member(ALICE, room, CAROL, None, NOW_MS)
    await home.rooms.remove_member(ALICE, room, CAROL, NOW_MS)
    await let_go(post, ALICE, await home.room_of("alice", "bob"))
    await end_account(post, BOB)
    before = ["superseded", "MESSAGE", "superseded"]
    assert await kinds(post, ALICE) == [*before, "KEY_ROTATION", "KEY_ROTATION"]


async def test_words_have_no_more_places_than_there_are_for_words(home):
    post = await words_at(home, FEW_ROTATIONS)
    await home.room_of("alice", "carol")
    await share_groups(post, 2)
    await end_account(post, BOB)
    assert await kinds(post, ALICE) == ["KEY_ROTATION", "KEY_ROTATION", "queue_full"]


async def test_what_somebody_caused_before_and_is_superseded_counts_no_more(home):
    post = await words_at(home, TWO_OF_A_SENDER)
    _, other = [await home.room_of("bob", "alice") for _ in range(2)]
    await let_go(post, ALICE, other)
    await end_account(post, BOB)
    assert await kinds(post, ALICE) == ["superseded", "KEY_ROTATION", "KEY_ROTATION"]


async def test_what_others_caused_before_makes_no_room_for_who_has_too_much(home):
    post = await words_at(home, TWO_OF_A_SENDER)
    await home.room_of("alice", "bob")
    for _ in range(2):
        await post.send("bob", "alice")
    await end_account(post, BOB)
    assert await kinds(post, ALICE) == ["KEY_ROTATION", "MESSAGE", "MESSAGE", "queue_full"]


async def test_who_leaves_many_groups_at_once_has_no_more_places_than_a_sender(home):
    post = await words_at(home, TWO_OF_A_SENDER)
    await post.send("bob", "alice")
    await share_groups(post, 3)
    await end_account(post, BOB)
    assert await kinds(post, ALICE) == ["MESSAGE", "KEY_ROTATION", "queue_full"]


async def test_without_any_before_it_is_the_same(home):
    post = await words_at(home, TWO_OF_A_SENDER)
    await share_groups(post, 4)
    await end_account(post, BOB)
    assert await kinds(post, ALICE) == ["KEY_ROTATION", "KEY_ROTATION", "queue_full"]


async def test_who_shows_other_keys_again_and_again_has_no_more_places_than_a_sender(home):
    post = await words_at(home, TWO_OF_A_SENDER)
    await post.send("alice", "bob")
    for _ in range(2):
        await let_go(post, BOB, await home.room_of("carol", "alice", "bob"))
    await change_key(post, ALICE)
    assert await kinds(post, BOB) == ["MESSAGE", "KEY_ROTATION", "queue_full"]
