"""GroupStore: groups that end by themselves, and what is remembered of users and for how long."""

import pytest

from server.core.errors import Code
from server.core.events import RoomExpired
from tests.stores.guests import refusal
from tests.stores.strangers import DAY_MS, KEPT_MS, POLICY, ids_of, said

# --- idle groups ---


async def test_a_group_ends_when_it_was_idle_for_30_minutes(plaza, clock):
    alice, bob = await plaza.arrive("alice", "bob")
    room_id = await alice.group_id()

    clock.advance(minutes=30, ms=-1)
    assert await plaza.expire_idle() == ()
    clock.advance(ms=1)

    events = await plaza.expire_idle()
    assert events == (RoomExpired(room_id=room_id, idle_limit_ms=POLICY.idle_limit_ms),)
    assert await alice.group_id() is await bob.group_id() is None
    assert await refusal(alice.say(room_id=room_id)) is Code.NOT_FOUND
    assert await plaza.expire_idle() == ()


@pytest.mark.parametrize("activity", ["message", "typing", "join"])
async def test_messages_typing_and_joining_keep_a_group_alive(plaza, clock, activity):
    alice, _ = await plaza.arrive("alice", "bob")
    clock.advance(minutes=30, ms=-1)
    if activity == "message":
        await alice.say()
    elif activity == "typing":
        await alice.type()
    else:
        await plaza.arrive("carol")
    clock.advance(minutes=30, ms=-1)

    assert await plaza.expire_idle() == ()
    clock.advance(ms=1)
    assert len(await plaza.expire_idle()) == 1


async def test_repeats_reading_and_leaving_keep_no_group_alive(plaza, clock):
    alice, bob = await plaza.arrive("alice", "bob")
    await alice.say(message_id="m-1")
    clock.advance(minutes=29)
    await alice.say(message_id="m-1")
    await alice.read()
    await bob.leave()
    clock.advance(minutes=1)

    assert len(await plaza.expire_idle()) == 1


async def test_only_groups_that_are_idle_end(plaza, clock):
    idle = await plaza.together("alice", "bob", places=2)
    busy = await plaza.together("carol", "dave", places=2)
    clock.advance(minutes=20)
    await busy[0].say()
    clock.advance(minutes=10)

    await plaza.expire_idle()

    assert await idle[0].group_id() is None
    assert await ids_of(busy[1]) == ["carol", "dave"]


async def test_those_whose_group_expired_may_meet_again_at_once(plaza, clock):
    alice, bob = await plaza.arrive("alice", "bob")
    await alice.say("hello")
    before = await alice.group_id()
    clock.advance(minutes=30)
    await plaza.expire_idle()

    await alice.join()
    await bob.join()

    assert await ids_of(bob) == ["alice", "bob"]
    assert await bob.group_id() != before
    assert said(await bob.read()) == []


async def test_who_was_lost_in_a_group_that_expired_leaves_no_other_one(plaza, clock):
    alice, bob = await plaza.arrive("alice", "bob")
    clock.advance(minutes=30, seconds=-1)
    await bob.lose()
    clock.advance(seconds=1)
    await plaza.expire_idle()
    await bob.connect()
    await bob.join()
    clock.advance(seconds=10)

    assert await plaza.expire_lost() == ()
    assert await ids_of(bob) == ["bob"]
    assert await alice.group_id() is None


# --- keys ---


async def test_a_public_key_outlives_group_and_connection(plaza, clock):
    alice = plaza.stranger("alice")
    await alice.connect()
    await alice.join("alice's key")
    saved_ms = clock.now_ms()
    clock.advance(minutes=5)
    await alice.leave()
    await alice.lose()

    saved = await alice.key()

    assert (saved.user_id, saved.name, saved.saved_ms) == ("alice", "Alice", saved_ms)
    assert saved.public_key.value == "alice's key"


async def test_the_newest_key_is_the_one_that_is_kept(plaza):
    (alice,) = await plaza.arrive("alice")
    await alice.join("second")
    assert (await alice.key()).public_key.value == "second"
    await alice.move_on("third")
    assert (await alice.key()).public_key.value == "third"
    await alice.move_on()
    assert (await alice.key()).public_key.value == "third"


async def test_who_came_once_with_a_key_joins_without_one(plaza):
    (alice,) = await plaza.arrive("alice")
    await alice.leave()

    assert (await alice.join(None)).group.members[0].public_key.value == "a key"


async def test_who_has_blocked_somebody_shows_it_no_key(plaza):
    alice, bob = await plaza.arrive("alice", "bob")
    await alice.block("bob")

    assert await alice.key(asker=bob) is None
    assert await bob.key(asker=alice)


async def test_whoever_may_look_up_its_own_group_alone_finds_nobody_else(plaza):
    alice, bob = await plaza.arrive("alice", "bob")
    carol = plaza.stranger("carol")
    await carol.connect()

    assert (await bob.key(asker=alice, in_group=True)).public_key.value == "a key"
    assert await bob.key(asker=carol, in_group=True) is None
    await bob.leave()
    assert await bob.key(asker=alice, in_group=True) is None
    assert await bob.key(asker=alice)


async def test_no_key_is_known_of_who_has_shown_none(plaza):
    alice = plaza.stranger("alice")
    await alice.connect()
    assert await alice.key() is None
    assert await plaza.stranger("nobody").key() is None


# --- forgetting users ---


async def come_and_go(stranger):
    """Be in a group, block somebody, and be gone."""
    await stranger.connect()
    await stranger.join()
    await stranger.block("somebody")
    await stranger.leave()
    await stranger.lose()


@pytest.mark.parametrize(
    ("who", "kept_ms"), [("guest", DAY_MS), ("user", KEPT_MS)], ids=["guest", "user"]
)
async def test_guests_are_forgotten_at_their_tokens_end_and_others_after_30_days(
    plaza, clock, who, kept_ms
):
    one = plaza.stranger(who)
    one.forget_ms = clock.now_ms() + kept_ms
    await come_and_go(one)

    clock.advance(ms=kept_ms - 1)
    await plaza.expire_idle()
    assert await one.key()
    clock.advance(ms=1)
    await plaza.expire_idle()

    assert await one.key() is None
    totals = await plaza.totals()
    assert (totals.users, totals.held_bytes) == (0, 0)
    # Nor is it remembered whom they had blocked.
    await plaza.arrive("somebody")
    await one.join()
    assert await ids_of(one) == ["somebody", who]


async def test_each_visit_puts_the_forgetting_off(plaza, clock):
    alice = plaza.stranger("alice")
    await come_and_go(alice)
    clock.advance(ms=KEPT_MS - 1)
    await plaza.expire_idle()
    await alice.connect()
    await alice.lose()
    clock.advance(ms=KEPT_MS - 1)
    await plaza.expire_idle()

    assert await alice.key()
    clock.advance(ms=1)
    await plaza.expire_idle()
    assert await alice.key() is None


async def test_nobody_is_forgotten_who_is_still_there(plaza, clock):
    connected, member = plaza.stranger("connected"), plaza.stranger("member")
    for one in (connected, member):
        one.forget_ms = clock.now_ms() + 1_000
        await one.connect()
        await one.join()
    await connected.leave()
    await member.lose()
    clock.advance(seconds=2)
    await plaza.expire_idle()

    assert await connected.key()
    assert await member.key()
    clock.advance(seconds=1)
    await plaza.expire_lost()
    await connected.lose()
    await plaza.expire_idle()
    assert (await plaza.totals()).users == 0


async def test_of_who_only_connected_nothing_is_remembered(plaza):
    alice = plaza.stranger("alice")
    await alice.connect()
    assert (await plaza.totals()).users == 1
    await alice.lose()

    totals = await plaza.totals()
    assert (totals.users, totals.held_bytes) == (0, 0)


# --- too many to remember ---


async def test_one_who_is_gone_makes_room_for_a_newcomer_and_guests_do_first(open_plaza, clock):
    plaza = await open_plaza(users=3)
    user, guest = plaza.stranger("user"), plaza.stranger("guest")
    guest.forget_ms = clock.now_ms() + DAY_MS
    await come_and_go(user)
    await come_and_go(guest)
    await plaza.arrive("alice")

    await plaza.arrive("bob")
    assert await guest.key() is None
    assert await user.key()
    await plaza.arrive("carol")

    assert await user.key() is None
    assert (await plaza.totals()).users == 3


async def test_when_all_who_are_known_are_there_a_newcomer_is_refused(open_plaza):
    plaza = await open_plaza(users=2)
    alice, bob = await plaza.arrive("alice", "bob")
    carol = plaza.stranger("carol")

    for doing in (carol.connect(), carol.join(), carol.block("alice")):
        assert await refusal(doing) is Code.SERVER_FULL
    assert await refusal(alice.join("new key")) is None
    assert await ids_of(bob) == ["alice", "bob"]


async def test_those_who_come_once_and_go_cannot_fill_the_space(open_plaza):
    plaza = await open_plaza(total_bytes=100_000)
    for number in range(50):
        guest = plaza.stranger(f"guest-{number}")
        await guest.connect()
        await guest.join("k" * 4_000)
        await guest.leave()
        await guest.lose()
        assert await plaza.held_bytes() <= 50_000

    alice, bob = await plaza.arrive("alice", "bob")
    await alice.say("x" * 20_000)
    assert said(await bob.read()) == ["x" * 20_000]
