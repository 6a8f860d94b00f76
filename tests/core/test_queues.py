"""What the core adds to the store of queues: what events cost, and what is done in portions."""

import pytest

from server.core import identities, queues
from server.core.errors import Code
from server.core.ids import DeviceId, RoomId, UserId
from server.core.limits import Bounds, Rate, Rates
from server.core.ports.conversations import Device
from server.core.queues import Event
from server.stores.sql.conversations.epochs import have_rotated
from tests.core.visitors import Core, account, refused
from tests.stores.sql.households import Household, phone

ALICE = account("alice")


def event(*to: str, group: RoomId | None = None) -> Event:
    return Event(
        event_id=None,
        recipients=tuple(map(UserId, to)),
        group_id=group,
        type="MESSAGE",
        metadata=None,
        payload=None,
    )


async def test_members_without_room_cost_as_much_as_those_with_it(open_household):
    core = await open_household(
        bounds=Bounds(queue_events=1), rates=Rates(send=Rate(per_minute=1, burst=6))
    )
    names = [f"member {number}" for number in range(20)]
    home = Household(core.database, core.parts.bounds)
    await home.settle(*names)
    group = await home.room_of("alice", *names)
    await core.chat.queues.send(ALICE, event(group=group))  # costs three
    (first,) = await core.chat.queues.after(phone(names[0]), 0, 10)
    await core.chat.queues.acknowledge(account(names[0]), first.event_id)
    assert len((await core.chat.queues.send(ALICE, event(group=group))).full) == 19
    assert (await refused(core.chat.queues.send(ALICE, event("bob")))).code is Code.RATE_LIMITED


async def test_who_forgets_all_is_told_how_much_that_was(open_household, clock, monkeypatch):
    monkeypatch.setattr(queues, "EXPIRED_AT_ONCE", 2)
    core = await open_household()
    for _ in range(7):
        await core.chat.queues.send(ALICE, event("bob"))
    clock.advance(minutes=14 * 1440)
    assert await core.chat.queues.expire_now() == 7


async def test_all_devices_that_are_connected_are_seen(open_household, clock, monkeypatch):
    monkeypatch.setattr(queues, "SEEN_AT_ONCE", 2)
    core = await open_household()
    devices = [Device(UserId("bob"), DeviceId(f"tablet {number}")) for number in range(5)]
    await core.chat.queues.see(devices)
    core.chat.queues.watch(lambda: devices)
    clock.advance(minutes=20 * 1440)
    await core.chat.queues.expire()
    assert await Household(core.database).count("queues WHERE has_lapsed") == 0


# --- groups that are to hear of another key ---


@pytest.fixture
async def core(open_household, monkeypatch) -> Core:
    monkeypatch.setattr(identities, "ROTATED_AT_ONCE", 2)
    made: Core = await open_household()
    return made


async def have_due(core: Core, groups: int) -> Household:
    """Have so many groups that are to hear of another key of Alice."""
    home = Household(core.database, Bounds())
    for _ in range(groups):
        await home.room_of("alice", "bob")
    await core.database.write(lambda: have_rotated("alice"))
    return home


async def test_groups_hear_of_another_key_round_by_round_without_a_pause(core):
    home = await have_due(core, 5)
    left = []
    for _ in range(3):
        await core.chat.identities.expire()
        left.append(await home.count("rotations_due"))
    assert left == [3, 1, 0]


async def test_once_all_have_heard_it_is_looked_for_more_only_after_a_while(core, clock):
    await core.chat.identities.expire()
    home = await have_due(core, 1)
    await core.chat.identities.expire()
    assert await home.count("rotations_due") == 1
    clock.advance(seconds=5)
    await core.chat.identities.expire()
    assert await home.count("rotations_due") == 0
