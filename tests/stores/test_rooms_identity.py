"""RoomStore: nobody becomes somebody else; what a token, a key or nothing at all proves."""

import pytest
from msgspec import structs

from server.core.errors import Code
from server.core.events import (
    ConnectionAttached,
    LeaveReason,
    MemberJoined,
    MemberLeft,
    MembersChanged,
)
from tests.stores.guests import POLICY, of_kind, refusal, texts, user_ids

# --- tabs: the member is live ---


async def test_a_tab_with_the_token_is_the_same_member_and_the_others_hear_nothing(alice, bob):
    before = await alice.members()

    joined = await bob.elsewhere().join(token=bob.token)

    assert not joined.is_new
    assert joined.has_proved
    assert joined.members == before
    assert joined.seq == 2
    assert [type(event) for event in joined.events] == [ConnectionAttached]


async def test_a_tab_with_the_same_key_is_the_same_member_but_proves_nothing(alice, bob):
    before = await alice.members()

    joined = await bob.elsewhere().join(public_key="bob's key", name="Not Bob")

    assert not joined.is_new
    assert not joined.has_proved
    assert joined.members == before
    assert [type(event) for event in joined.events] == [ConnectionAttached]


@pytest.mark.parametrize("key", [None, "another key"])
async def test_a_live_members_id_is_taken_for_whoever_shows_nothing_of_it(alice, bob, key):
    assert await refusal(bob.elsewhere().join(public_key=key)) is Code.USER_ID_TAKEN
    assert await refusal(bob.elsewhere().join(public_key=key, as_creator=True)) is (
        Code.USER_ID_TAKEN
    )


async def test_a_live_members_id_is_taken_for_the_holder_of_another_token(alice, bob):
    assert await refusal(bob.elsewhere().join(token=alice.token)) is Code.USER_ID_TAKEN
    assert await refusal(bob.elsewhere().join(token=b"t" * 32)) is Code.USER_ID_TAKEN


async def test_a_member_without_a_key_is_not_joined_by_another_without_one(house):
    alice, bob = await house.with_members("alice", "bob")

    assert await refusal(bob.elsewhere().join()) is Code.USER_ID_TAKEN
    assert len(await alice.members()) == 2


async def test_somebody_elses_token_beside_the_right_key_proves_nothing(alice, bob):
    joined = await bob.elsewhere().join(token=alice.token, public_key="bob's key", as_creator=True)

    assert not joined.has_proved
    assert not joined.is_creator


async def test_who_is_live_under_one_id_cannot_be_a_second_member_by_its_token(alice, bob):
    assert await refusal(bob.elsewhere("robert").join(token=bob.token)) is Code.USER_ID_TAKEN
    assert user_ids(await alice.members()) == ["alice", "bob"]


async def test_a_proved_tab_brings_a_new_name_and_key_and_everybody_hears_of_them(alice, bob):
    tab = bob.elsewhere()

    joined = await tab.join(token=bob.token, name="Robert", public_key="new key")

    (_, member) = joined.members
    assert (member.name, member.public_key.value) == ("Robert", "new key")
    assert joined.seq == 3
    (changed,) = of_kind(MembersChanged, joined.events)
    assert changed.members == joined.members
    assert changed.skip == tab.connection_id
    assert of_kind(MemberJoined, joined.events) == []


async def test_a_proved_tab_that_brings_nothing_leaves_name_and_key(alice, bob):
    await bob.join(name="Robert")

    (_, member) = (await bob.elsewhere().join(token=bob.token)).members

    assert (member.name, member.public_key.value) == ("Robert", "bob's key")


async def test_a_connection_that_joined_by_key_is_proved_once_it_shows_the_token(alice, bob):
    tab = bob.elsewhere()
    await tab.join(public_key="bob's key")

    assert (await tab.join(token=bob.token)).has_proved
    assert await refusal(tab.save_key("new key")) is None


async def test_a_connection_that_proved_itself_once_need_not_do_so_again(alice, bob):
    tab = bob.elsewhere()
    await tab.join(token=bob.token)

    assert (await tab.join()).has_proved
    assert (await tab.join(token=b"t" * 32)).has_proved


async def test_a_key_alone_does_not_prove_the_next_tab_either(alice, bob):
    await bob.elsewhere().join(public_key="bob's key")
    tab = bob.elsewhere()

    assert not (await tab.join(public_key="bob's key")).has_proved
    assert not (await tab.join(public_key="bob's key")).has_proved


async def test_a_token_is_called_good_only_if_it_is_the_members(alice, bob):
    assert (await bob.elsewhere().join(token=bob.token)).token_is_good
    for token in (None, alice.token, b"t" * 32):
        assert not (await bob.join(token=token)).token_is_good
        by_key = await bob.elsewhere().join(token=token, public_key="bob's key")
        assert not by_key.token_is_good
    await bob.leave()
    await alice.leave()
    assert (await alice.elsewhere("alicia").join(token=alice.token)).token_is_good


# --- coming back within the grace ---


@pytest.mark.parametrize("proof", ["token", "public_key"])
async def test_who_comes_back_within_the_grace_is_not_noticed(house, alice, bob, clock, proof):
    before = await alice.members()
    await bob.lose()
    clock.advance(ms=POLICY.grace_ms - 1)
    shown = {"token": bob.token} if proof == "token" else {"public_key": "bob's key"}

    joined = await bob.elsewhere().join(**shown)
    clock.advance(ms=POLICY.grace_ms)

    assert not joined.is_new
    assert joined.has_proved is (proof == "token")
    assert [type(event) for event in joined.events] == [ConnectionAttached]
    assert await house.expire_lost() == ()
    assert await alice.members() == before


@pytest.mark.parametrize("key", [None, "another key"])
async def test_who_comes_back_with_nothing_starts_anew(alice, bob, clock, key):
    await bob.lose()
    clock.advance(ms=10)

    back = bob.elsewhere()
    joined = await back.join(public_key=key)

    assert joined.is_new
    assert joined.has_proved
    assert not joined.token_is_good
    (left,) = of_kind(MemberLeft, joined.events)
    (entered,) = of_kind(MemberJoined, joined.events)
    assert (left.seq, left.user_id, left.reason) == (3, "bob", LeaveReason.LOST)
    assert (entered.seq, entered.user_id) == (4, "bob")
    assert left.left_ms == entered.joined_ms == clock.now_ms()
    assert left.skip == entered.skip == back.connection_id
    assert joined.events.index(left) < joined.events.index(entered)
    assert joined.members[1].joined_ms == clock.now_ms()


async def test_who_starts_anew_does_not_leave_again_when_the_formers_grace_ends(
    house, alice, bob, clock
):
    await bob.lose()
    await bob.elsewhere().join()
    clock.advance(ms=POLICY.grace_ms)

    assert await house.expire_lost() == ()
    assert user_ids(await alice.members()) == ["alice", "bob"]


async def test_after_somebody_started_anew_the_formers_token_is_not_that_members(alice, bob):
    await bob.say("to alice", to="alice", is_broadcast=False)
    await bob.lose()
    newcomer = bob.elsewhere()
    await newcomer.join()

    assert await refusal(bob.elsewhere().join(token=bob.token)) is Code.USER_ID_TAKEN
    tab = bob.elsewhere()
    assert texts(await tab.join(token=newcomer.token)) == []


# --- the token outlives the membership ---


async def test_a_token_restores_who_one_was_under_another_user_id(alice, bob):
    await alice.say("for bob", to="bob", is_broadcast=False)
    await bob.leave()
    robert = bob.elsewhere("robert")

    joined = await robert.join(token=bob.token)

    assert not joined.is_new
    assert joined.has_proved
    assert texts(joined) == ["for bob"]
    assert [event.user_id for event in of_kind(MemberJoined, joined.events)] == ["robert"]
    assert not (await robert.elsewhere().join(token=bob.token)).is_new


async def test_who_is_lost_under_one_id_and_comes_under_another_leaves_the_first(alice, bob):
    await bob.lose()

    joined = await bob.elsewhere("robert").join(token=bob.token)

    (left,) = of_kind(MemberLeft, joined.events)
    (entered,) = of_kind(MemberJoined, joined.events)
    assert (left.user_id, left.reason, left.seq) == ("bob", LeaveReason.LOST, 3)
    assert (entered.user_id, entered.seq) == ("robert", 4)
    assert user_ids(joined.members) == ["alice", "robert"]


async def test_who_comes_under_a_lost_members_id_with_a_token_of_its_own_displaces_it(
    house, alice, bob, carol
):
    await carol.join()
    await bob.lose()
    await carol.lose()

    joined = await carol.elsewhere("bob").join(token=carol.token)

    left = of_kind(MemberLeft, joined.events)
    assert sorted(event.user_id for event in left) == ["bob", "carol"]
    assert sorted(event.seq for event in left) == [4, 5]
    assert [event.seq for event in of_kind(MemberJoined, joined.events)] == [6]
    assert user_ids(joined.members) == ["alice", "bob"]


async def test_who_was_lost_for_long_is_still_known_by_its_token(house, alice, bob, clock):
    await alice.say("for bob", to="bob", is_broadcast=False)
    await bob.lose()
    clock.advance(ms=POLICY.grace_ms)
    await house.expire_lost()

    joined = await bob.elsewhere().join(token=bob.token)

    assert not joined.is_new
    assert texts(joined) == ["for bob"]


async def test_a_token_is_worth_nothing_in_another_room(house, alice):
    await house.reserve("coffee-room")
    coffee = house.guest("alice", "coffee-room")

    assert (await coffee.join(token=alice.token)).is_new


async def test_tokens_of_members_and_the_creator_survive_any_number_of_visitors(open_house):
    house = await open_house(structs.replace(POLICY, capacity=3))
    alice, bob = await house.with_members("alice", "bob")
    await alice.leave()
    for number in range(40):
        visitor = house.guest(f"visitor-{number}")
        await visitor.join()
        await visitor.leave()

    assert (await alice.elsewhere().join(token=alice.token)).is_creator
    assert (await bob.elsewhere().join(token=bob.token)).has_proved


# --- creator powers ---


async def test_the_creators_key_alone_gives_no_creator_power(alice, bob):
    await alice.lose()
    double = alice.elsewhere()

    joined = await double.join(public_key="alice's key", as_creator=True)

    assert not joined.is_creator
    assert await refusal(double.lock()) is Code.FORBIDDEN
    assert await refusal(double.remove("bob")) is Code.FORBIDDEN


@pytest.mark.parametrize("way_out", ["leave", "lose"])
async def test_nobody_becomes_creator_by_taking_the_creators_id(alice, bob, way_out):
    await getattr(alice, way_out)()
    impostor = alice.elsewhere()

    joined = await impostor.join(as_creator=True)

    assert joined.is_new
    assert not joined.is_creator
    assert await refusal(impostor.lock()) is Code.FORBIDDEN


@pytest.mark.parametrize("user_id", ["alice", "alicia"])
async def test_the_creators_token_brings_the_power_back(alice, bob, user_id):
    await alice.leave()
    returned = alice.elsewhere(user_id)

    assert (await returned.join(token=alice.token)).is_creator
    await returned.lock()


async def test_who_joined_by_key_does_not_make_a_creator_of_an_ownerless_room(house):
    await house.reserve()
    bob, carol = house.guest("bob"), house.guest("carol")
    await bob.join(public_key="bob's key")
    double = bob.elsewhere()

    assert not (await double.join(public_key="bob's key", as_creator=True)).is_creator
    assert not (await bob.join()).is_creator
    assert (await carol.join(as_creator=True)).is_creator
