"""What a client may come back to: in step with what becomes of its connection."""

from server.core.events import ConnectionAttached
from server.core.ids import ConnectionId, RoomId, UserId
from server.core.rooms import JoinRequest
from tests.clocks import ManualClock
from tests.core.visitors import Core

TAB = ConnectionId("connection-1")
ALICE = UserId("alice")
LAIR, DEN = RoomId("lair"), RoomId("den")


async def rooms_to_come_back_to(core: Core, pid: str) -> list[RoomId]:
    await core.recoveries.save(TAB)
    session = await core.recoveries.take(pid, "another line")
    return [standing.room_id for standing in session.rooms] if session else []


async def enter(core: Core, room_id: RoomId) -> None:
    """As the hub does it, and the handler."""
    request = JoinRequest(room_id=room_id, user_id=ALICE, as_creator=True)
    event = ConnectionAttached(room_id=room_id, user_id=ALICE, connection_id=TAB)
    core.recoveries.attached(event, 1)
    await core.rooms.join("1.2.3.4", TAB, request)


async def test_one_comes_back_to_the_rooms_that_one_has_entered(clock: ManualClock) -> None:
    core = Core(clock)
    pid = core.recoveries.begin(TAB, "line")
    for room_id in (LAIR, DEN):
        await enter(core, room_id)

    assert await rooms_to_come_back_to(core, pid) == [LAIR, DEN]


async def test_who_has_left_a_room_does_not_come_back_to_it_though_nobody_was_told_yet(
    clock: ManualClock,
) -> None:
    core = Core(clock)
    pid = core.recoveries.begin(TAB, "line")
    for room_id in (LAIR, DEN):
        await enter(core, room_id)

    await core.rooms.leave(DEN, TAB)

    assert await rooms_to_come_back_to(core, pid) == [LAIR]


async def test_nothing_is_kept_of_who_is_in_no_room(clock: ManualClock) -> None:
    core = Core(clock)
    pid = core.recoveries.begin(TAB, "line")
    await enter(core, LAIR)
    await core.rooms.leave(LAIR, TAB)

    assert await rooms_to_come_back_to(core, pid) == []
    assert core.recoveries.stale == set()


async def test_a_line_from_which_its_connection_was_taken_does_not_end_it(
    clock: ManualClock,
) -> None:
    core = Core(clock)
    pid = core.recoveries.begin(TAB, "line")
    await enter(core, LAIR)
    await rooms_to_come_back_to(core, pid)

    assert not await core.recoveries.end(TAB, is_lost=True)
    assert await core.recoveries.end(TAB, is_lost=True), "of it nothing is known any more"


async def test_a_line_learns_that_its_connection_is_on_another_when_there_is_something_to_keep(
    clock: ManualClock,
) -> None:
    core = Core(clock)
    superseded: list[ConnectionId] = []
    core.recoveries.subscribe(superseded.append)
    pid = core.recoveries.begin(TAB, "line")
    await enter(core, LAIR)
    await rooms_to_come_back_to(core, pid)

    await core.recoveries.expire()
    assert superseded == []
    await enter(core, DEN)
    await core.recoveries.expire()

    assert superseded == [TAB]
