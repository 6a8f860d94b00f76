"""GroupStore: block lists, reports, and members who are removed."""

import pytest

from server.core.errors import Code
from server.core.events import LeaveReason, MemberLeft, MemberRemoved, MembersChanged
from server.core.matching import APART_MS, PRESENT_MS
from tests.stores.guests import of_kind, refusal
from tests.stores.strangers import KEPT_MS, ids_of

ABOUT = ["troll", "alice", "bob", "troll", "dave"]

# --- block lists ---


async def test_nobody_blocks_or_reports_themselves(plaza):
    alice, _ = await plaza.arrive("alice", "bob")
    assert await refusal(alice.block("alice")) is Code.FORBIDDEN
    assert await refusal(alice.report("alice")) is Code.FORBIDDEN


async def test_a_block_list_has_an_end_and_goes_on_after_an_unblocking(open_plaza):
    plaza = await open_plaza(blocks_per_user=2)
    alice = plaza.stranger("alice")
    await alice.block("one")
    await alice.block("two")

    assert await refusal(alice.block("three")) is Code.LIMIT_REACHED
    assert await refusal(alice.block("two")) is None
    await alice.unblock("one")
    assert await refusal(alice.block("three")) is None


async def test_unblocking_somebody_who_is_not_blocked_changes_nothing(plaza):
    alice = plaza.stranger("alice")
    await alice.unblock("bob")
    await alice.block("bob")
    await alice.unblock("carol")
    assert (await plaza.totals()).users == 1
    await alice.unblock("bob")
    assert (await plaza.totals()).users == 0


async def test_a_block_list_outlives_the_group_and_the_connection(plaza, clock):
    alice, bob = await plaza.arrive("alice", "bob")
    await alice.block("bob")
    for one in (alice, bob):
        await one.leave()
        await one.lose()
    clock.advance(minutes=60)
    await plaza.expire_idle()

    _, back = await plaza.arrive("bob", "alice")

    assert await ids_of(back) == ["alice"]


# --- enough reports ---


async def reported_by(reporters, user_id="troll"):
    """Whether each report removed the member."""
    return [(await one.report(user_id)).is_removed for one in reporters]


@pytest.mark.parametrize(("others", "enough"), [(1, 1), (2, 2), (3, 3), (4, 3)], ids=str)
async def test_a_member_is_removed_by_three_others_or_by_all_of_them(plaza, clock, others, enough):
    _, *members = await plaza.arrive("troll", *(f"user-{number}" for number in range(others)))
    clock.advance(ms=PRESENT_MS)

    told = await reported_by(members[:enough])

    assert told == [False] * (enough - 1) + [True]
    assert "troll" not in await ids_of(members[0])


async def test_the_removed_one_hears_it_first_and_the_others_why_somebody_left(plaza, clock):
    alice, troll = await plaza.arrive("alice", "troll")
    clock.advance(ms=PRESENT_MS)

    removed, left, changed = (await alice.report("troll")).events

    room_id = await alice.group_id()
    assert removed == MemberRemoved(room_id=room_id, user_id=troll.user_id)
    assert left == MemberLeft(
        room_id=room_id,
        seq=3,
        user_id=troll.user_id,
        reason=LeaveReason.REMOVED,
        left_ms=clock.now_ms(),
        name="Troll",
    )
    assert changed == MembersChanged(
        room_id=room_id, members=(await alice.group()).members, epoch=3
    )


async def test_reports_from_one_address_count_once(plaza, clock):
    alice, bob, carol, dave, _ = await plaza.arrive("alice", "bob", "carol", "dave", "troll")
    alice.address = bob.address = carol.address
    clock.advance(ms=PRESENT_MS)

    assert await reported_by([alice, bob, carol, dave]) == [False] * 4
    dave.address, bob.address = "another", "and one more"
    assert await reported_by([bob]) == [True]


async def test_one_who_reports_again_and_again_counts_once(plaza, clock):
    alice, _, _, _ = await plaza.arrive("alice", "bob", "carol", "troll")
    clock.advance(ms=PRESENT_MS)
    for number in range(5):
        alice.address = f"address {number}"
        assert not (await alice.report("troll")).is_removed


async def test_reports_of_whom_has_just_come_do_not_count_until_it_has_been_there_a_minute(
    plaza, clock
):
    alice, _ = await plaza.arrive("alice", "troll")
    clock.advance(ms=PRESENT_MS)
    (bob,) = await plaza.arrive("bob")

    assert await reported_by([bob, alice]) == [False, False]
    clock.advance(ms=PRESENT_MS - 1)
    assert await reported_by([alice]) == [False]
    clock.advance(ms=1)
    assert await reported_by([alice]) == [True]


async def test_reports_of_whom_has_left_do_not_count(plaza, clock):
    alice, bob, carol, _, _ = await plaza.arrive("alice", "bob", "carol", "dave", "troll")
    clock.advance(ms=PRESENT_MS)
    await reported_by([alice, bob])
    await alice.leave()

    assert await reported_by([carol]) == [False]


async def test_who_leaves_and_comes_back_begins_without_reports(plaza, clock):
    alice, bob, carol, _, troll = await plaza.arrive("alice", "bob", "carol", "dave", "troll")
    clock.advance(ms=PRESENT_MS)
    await reported_by([alice, bob])
    for one in (alice, bob):
        await one.unblock("troll")
    await troll.lose()
    clock.advance(seconds=3)
    await plaza.expire_lost()
    (back,) = await plaza.arrive("troll")

    assert "troll" in await ids_of(alice)
    assert await reported_by([carol]) == [False]
    assert await back.group_id() == await alice.group_id()


async def test_the_removed_one_does_not_come_back_to_that_group(plaza, clock):
    alice, bob, troll = await plaza.arrive("alice", "bob", "troll")
    room_id = await troll.group_id()
    clock.advance(ms=PRESENT_MS)
    await reported_by([alice, bob])
    for one in (alice, bob):
        await one.unblock("troll")
    clock.advance(ms=APART_MS)

    await troll.join("troll's key")
    assert await troll.group_id() != room_id
    assert await ids_of(troll) == ["troll"]


async def test_the_removed_one_meets_others_elsewhere(plaza, clock):
    alice, _ = await plaza.together("alice", "troll", places=2)
    (bob,) = await plaza.arrive("bob")
    clock.advance(ms=PRESENT_MS)
    assert (await alice.report("troll")).is_removed

    (troll,) = await plaza.arrive("troll")

    assert await ids_of(troll) == ["bob", "troll"]
    assert await ids_of(bob) == ["bob", "troll"]


async def test_a_reporter_does_not_meet_again_whom_it_has_reported(plaza, clock):
    alice, _, troll = await plaza.arrive("alice", "bob", "troll")
    await alice.report("troll")
    assert await refusal(troll.say(to="alice")) is Code.RECIPIENT_NOT_FOUND
    for one in (alice, troll):
        await one.leave()
    clock.advance(ms=APART_MS)

    await alice.join()
    await troll.move_on()

    assert "alice" not in await ids_of(troll)


async def test_one_whose_block_list_is_full_reports_all_the_same(open_plaza, clock):
    plaza = await open_plaza(blocks_per_user=1)
    alice, _ = await plaza.arrive("alice", "troll")
    await alice.block("somebody")
    clock.advance(ms=PRESENT_MS)

    assert (await alice.report("troll")).is_removed


# --- whom one can report ---


async def test_nobody_is_reported_who_was_never_there(plaza):
    alice, _ = await plaza.arrive("alice", "bob")
    assert await refusal(alice.report("nobody")) is Code.RECIPIENT_NOT_FOUND
    assert await plaza.groups.reports(None, 10) == ()


async def test_one_who_said_something_and_left_at_once_can_be_reported(plaza, clock):
    alice, bob, troll = await plaza.arrive("alice", "bob", "troll")
    await troll.say("something vile", to="alice")
    await troll.leave()
    clock.advance(ms=PRESENT_MS)

    reported = await alice.report("troll")

    assert (reported.is_removed, reported.events) == (False, ())
    assert [report.user_id for report in await plaza.groups.reports(None, 10)] == ["troll"]
    # Bob has read nothing of theirs.
    assert await refusal(bob.report("troll")) is Code.RECIPIENT_NOT_FOUND
    clock.advance(ms=APART_MS)
    await bob.leave()
    await alice.move_on()
    await troll.join()
    assert await ids_of(alice) == ["alice"]


# --- what operators read ---


async def test_operators_read_what_was_reported_with_its_evidence(plaza, clock):
    alice, _, _ = await plaza.arrive("alice", "bob", "troll")
    room_id = await alice.group_id()
    await alice.report("troll", evidence={"said": "…"})

    (report,) = await plaza.groups.reports(None, 10)

    assert (report.room_id, report.reporter, report.user_id) == (room_id, "alice", "troll")
    assert (report.reason, report.created_ms) == ("spam", clock.now_ms())
    assert report.evidence.value == {"said": "…"}


async def test_reports_are_read_page_by_page_in_order_of_age(plaza):
    alice, bob, _, _ = await plaza.arrive("alice", "bob", "troll", "dave")
    for reporter, about in zip((alice, bob, alice, bob, alice), ABOUT, strict=True):
        await reporter.report(about)

    first = await plaza.groups.reports(None, 2)
    second = await plaza.groups.reports(first[-1].report_id, 2)
    third = await plaza.groups.reports(second[-1].report_id, 2)

    assert [one.user_id for one in (*first, *second, *third)] == ABOUT
    assert await plaza.groups.reports(third[-1].report_id, 2) == ()


async def test_a_report_is_forgotten_when_it_is_too_old(plaza, clock):
    alice, _, _ = await plaza.arrive("alice", "bob", "troll")
    await alice.report("troll")
    clock.advance(ms=1)
    await alice.report("bob")
    first, _ = await plaza.groups.reports(None, 10)

    clock.advance(ms=KEPT_MS - 2)
    await plaza.expire_idle()
    assert len(await plaza.groups.reports(None, 10)) == 2
    clock.advance(ms=1)
    await plaza.expire_idle()

    assert len(await plaza.groups.reports(None, 10)) == 1
    # Who was reading them goes on where it was.
    assert len(await plaza.groups.reports(first.report_id, 10)) == 1


async def test_reports_outlive_the_group(plaza):
    alice, _ = await plaza.arrive("alice", "troll")
    await alice.report("troll")
    await alice.leave()

    assert len(await plaza.groups.reports(None, 10)) == 1


async def test_whoever_sends_in_many_reports_keeps_nobody_from_reporting(open_plaza, clock):
    plaza = await open_plaza(reports=3)
    alice, *_ = await plaza.arrive("alice", "bob", "troll")
    flooders = [plaza.stranger(f"flooder-{number}") for number in range(5)]
    await alice.report("troll")

    # Whatever they are called, and whoever else: all from one address.
    for flooder in flooders:
        flooder.address = "a den"
        await flooder.connect()
        await flooder.join()
        await flooder.report("bob")
        await flooder.leave()

    kept = await plaza.groups.reports(None, 10)
    assert [one.reporter for one in kept] == ["alice", "flooder-3", "flooder-4"]


async def test_of_addresses_that_have_sent_as_many_the_oldest_report_goes(open_plaza):
    plaza = await open_plaza(reports=2)
    people = await plaza.arrive("alice", "bob", "carol", "troll")
    for one in people[:3]:
        await one.report("troll")

    kept = await plaza.groups.reports(None, 10)
    assert [one.reporter for one in kept] == ["bob", "carol"]


async def test_a_later_report_about_the_same_takes_the_place_of_the_former(plaza):
    alice, bob, _ = await plaza.arrive("alice", "bob", "troll")
    await alice.report("troll", evidence="one word")
    await bob.report("troll")
    await alice.report("troll", evidence="two words")

    kept = await plaza.groups.reports(None, 10)
    assert [one.reporter for one in kept] == ["bob", "alice"]
    assert kept[1].evidence.value == "two words"


async def test_a_report_has_the_name_and_key_that_the_group_itself_had(plaza):
    alice, troll = await plaza.arrive("alice", "troll")
    await troll.join("the key of then")
    await alice.report("troll")
    await troll.say("you…")
    await troll.move_on("a new key")
    (with_it,) = await plaza.groups.reports(None, 10)
    await alice.report("troll")
    (after_it,) = await plaza.groups.reports(None, 10)

    for report in (with_it, after_it):
        assert (report.name, report.public_key.value) == ("Troll", "the key of then")


async def test_evidence_takes_a_part_of_the_space_only(open_plaza):
    plaza = await open_plaza(total_bytes=160_000)
    flooder, _ = await plaza.arrive("flooder", "bob")
    await flooder.report("bob")
    before = await plaza.held_bytes()
    for _ in range(20):
        await flooder.report("bob", evidence="x" * 4_000)

    assert await plaza.held_bytes() - before < 10_000
    assert len(await plaza.groups.reports(None, 100)) == 1


async def test_a_report_for_which_there_is_no_space_changes_nothing(open_plaza, clock):
    plaza = await open_plaza(total_bytes=10_000)
    alice, _ = await plaza.arrive("alice", "troll")
    clock.advance(ms=PRESENT_MS)
    before = await plaza.totals()

    reporting = alice.report("troll", evidence="x" * 10_000)

    assert await refusal(reporting) is Code.SERVER_FULL
    assert await plaza.totals() == before
    assert await ids_of(alice) == ["alice", "troll"]
    assert await plaza.groups.reports(None, 10) == ()


async def test_a_removal_counts_as_no_message_but_has_its_place_in_the_sequence(plaza, clock):
    alice, _ = await plaza.arrive("alice", "troll")
    await alice.say()
    clock.advance(ms=PRESENT_MS)
    (left,) = of_kind(MemberLeft, (await alice.report("troll")).events)

    assert left.seq == 4
    assert (await alice.say()).event.seq == 5
