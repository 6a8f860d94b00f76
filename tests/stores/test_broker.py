"""Broker: every process hears what happened, once and in the order of each room."""

import pytest

from server.core.events import (
    ConnectionAttached,
    ConnectionDetached,
    ConnectionLapsed,
    EventsLost,
    FileDownloaded,
    Group,
    GroupEntered,
    LeaveReason,
    Member,
    MemberJoined,
    MemberLeft,
    MemberRemoved,
    MembersChanged,
    MessageSent,
    RoomEvent,
    RoomExpired,
    RoomLocked,
    SignalSent,
    TypingChanged,
)
from server.core.ids import (
    ConnectionId,
    Identity,
    MessageId,
    NumericUserId,
    Recipient,
    RoomId,
    UserId,
)
from server.core.kinds import Kind
from server.core.opaque import Opaque
from tests.servers import until

TEA, COFFEE = RoomId("tea-room"), RoomId("coffee-room")
ALICE, SEVEN, TAB = UserId("alice"), NumericUserId("7"), ConnectionId("connection-1")

EVENTS: tuple[RoomEvent, ...] = (
    MessageSent(
        room_id=TEA,
        skip=TAB,
        seq=1,
        message_id=MessageId("m-1"),
        sender=ALICE,
        recipient=SEVEN,
        addressed_as=Recipient("7"),
        ciphertext=Opaque({"iv": b"\x00\xff", "data": [1, 2.5, None, "…"]}),
        content_type="text",
        sent_ms=1_800_000_000_000,
        identities=frozenset({Identity("one"), Identity("two")}),
    ),
    MessageSent(
        room_id=TEA,
        seq=2,
        message_id=MessageId("m-2"),
        sender=SEVEN,
        recipient=None,
        addressed_as=None,
        ciphertext=Opaque("text"),
        content_type="image",
        sent_ms=1_800_000_000_001,
    ),
    SignalSent(
        room_id=TEA,
        skip=TAB,
        sender=SEVEN,
        recipient=None,
        addressed_as=Recipient("all"),
        ciphertext=Opaque({"iv": b"\x00\xff"}),
        sent_ms=1_800_000_000_002,
    ),
    MemberJoined(room_id=TEA, skip=TAB, seq=3, user_id=SEVEN, name="Seven", joined_ms=5),
    *(
        MemberLeft(room_id=TEA, seq=4, user_id=SEVEN, reason=reason, left_ms=6)
        for reason in LeaveReason
    ),
    MembersChanged(
        room_id=TEA,
        members=(Member(ALICE, "Alice", Opaque(b"\x00"), 1), Member(SEVEN, "Seven", None, 2)),
    ),
    TypingChanged(room_id=TEA, user_id=SEVEN, is_typing=True),
    FileDownloaded(
        room_id=TEA, user_id=ALICE, file_name="tea.txt", recipient=SEVEN, downloaded_ms=7
    ),
    RoomLocked(room_id=TEA, locked=True, locked_ms=8),
    ConnectionAttached(room_id=TEA, user_id=SEVEN, connection_id=TAB),
    GroupEntered(
        room_id=TEA,
        user_id=SEVEN,
        connection_id=TAB,
        kind=Kind.RANDOM,
        group=Group(
            room_id=TEA,
            name="Coffee Break - 10:30:45 AM",
            capacity=8,
            members=(Member(SEVEN, "Seven", Opaque({"kty": "RSA"}), 2),),
            epoch=3,
            seq=4,
            created_ms=10,
        ),
    ),
    ConnectionDetached(room_id=TEA, connection_id=TAB),
    ConnectionLapsed(room_id=TEA, connection_id=TAB),
    MemberRemoved(room_id=TEA, user_id=SEVEN),
    RoomExpired(room_id=TEA, idle_limit_ms=9),
    EventsLost(room_id=TEA),
)


def every_kind(kind: type[RoomEvent]) -> set[type[RoomEvent]]:
    return {kind, *(k for sub in kind.__subclasses__() for k in every_kind(sub))}


def test_no_kind_of_event_is_left_out_below():
    assert {type(event) for event in EVENTS} == every_kind(RoomEvent) - {RoomEvent}


@pytest.fixture
async def brokers(backend):
    async with backend.brokers() as opened:
        yield opened


@pytest.fixture
def ears(brokers):
    """What each process has heard."""
    heard: list[list[RoomEvent]] = [[] for _ in brokers]
    for broker, ear in zip(brokers, heard, strict=True):
        broker.subscribe(lambda event, place, ear=ear: ear.append(event))
    return heard


async def test_every_event_arrives_in_every_process_equal_to_what_was_published(brokers, ears):
    for event in EVENTS:
        await brokers[0].publish(event)

    await until(lambda: all(len(ear) == len(EVENTS) for ear in ears))
    assert ears == [list(EVENTS)] * len(brokers)


async def test_a_number_as_user_id_arrives_as_one(brokers, ears):
    await brokers[0].publish(EVENTS[0])

    await until(lambda: all(ears))
    ((message,), *_) = ears
    assert isinstance(message.recipient, NumericUserId)
    assert not isinstance(message.sender, NumericUserId)
    assert not isinstance(message.addressed_as, NumericUserId)


async def test_the_events_of_one_room_arrive_in_order_and_once(brokers, ears):
    numbered = [
        MemberJoined(room_id=TEA, seq=n, user_id=ALICE, name="", joined_ms=n) for n in range(50)
    ]
    last = RoomExpired(room_id=TEA, idle_limit_ms=1)
    for event in (*numbered, last):
        await brokers[0].publish(event)

    await until(lambda: all(last in ear for ear in ears))
    assert ears == [[*numbered, last]] * len(brokers)


async def test_events_of_all_rooms_arrive(brokers, ears):
    both = [RoomExpired(room_id=room_id, idle_limit_ms=1) for room_id in (TEA, COFFEE)]
    for event in both:
        await brokers[-1].publish(event)

    await until(lambda: all(len(ear) == 2 for ear in ears))
    assert all(sorted(ear, key=lambda event: event.room_id) == both[::-1] for ear in ears)


async def test_everyone_who_subscribes_hears(brokers, ears):
    second: list[RoomEvent] = []
    brokers[0].subscribe(lambda event, place: second.append(event))

    await brokers[0].publish(EVENTS[0])

    await until(lambda: second and all(ears))
    assert second == ears[0] == [EVENTS[0]]


async def test_publishing_to_nobody_is_no_error(brokers):
    await brokers[0].publish(EVENTS[0])


# --- what was missed ---


def changed(number: int, skip: ConnectionId | None = None, epoch: int = 0) -> MembersChanged:
    members = (Member(ALICE, f"Alice {number}", None, number),)
    return MembersChanged(room_id=TEA, members=members, skip=skip, epoch=epoch)


def joined(number: int) -> MemberJoined:
    return MemberJoined(room_id=TEA, seq=number, user_id=ALICE, name="", joined_ms=number)


async def tell(brokers, *events: RoomEvent) -> int:
    """The place of the first of them."""
    places: list[int] = []
    brokers[0].subscribe(lambda event, place: places.append(place))
    for event in events:
        await brokers[0].publish(event)
    return places[0]


async def test_what_came_after_a_place_is_told_with_the_places_that_it_had(brokers):
    first = await tell(brokers, joined(1), joined(2), joined(3))

    missed = await brokers[0].missed(TEA, first)

    assert missed.place == first + 2
    assert [(one.place, one.event) for one in missed.events] == [
        (first + 1, joined(2)),
        (first + 2, joined(3)),
    ]


async def test_whoever_knows_all_has_missed_nothing(brokers):
    first = await tell(brokers, joined(1))

    assert (await brokers[0].missed(TEA, first)).events == ()


async def test_what_is_of_the_moment_is_not_missed(brokers):
    typing = TypingChanged(room_id=TEA, user_id=ALICE, is_typing=True)
    first = await tell(brokers, joined(1), typing, joined(2))

    missed = await brokers[0].missed(TEA, first)

    assert [one.event for one in missed.events] == [joined(2)]


async def test_places_before_and_after_all_that_is_known_are_not_known(brokers):
    first = await tell(brokers, joined(1), joined(2))

    assert await brokers[0].missed(TEA, first - 2) is None
    assert await brokers[0].missed(TEA, first + 2) is None
    assert await brokers[0].missed(COFFEE, first) is None


async def test_who_missed_several_lists_of_members_is_told_the_last_and_nobody_is_skipped(brokers):
    first = await tell(brokers, joined(1), changed(1), joined(2), changed(2, skip=TAB))

    missed = await brokers[0].missed(TEA, first)

    assert [one.event for one in missed.events] == [joined(2), changed(2)]
    assert missed.place == first + 3


async def test_who_missed_only_the_last_list_is_skipped_if_it_was_its_own_doing(brokers):
    first = await tell(brokers, changed(1), joined(2), changed(2, skip=TAB))

    missed = await brokers[0].missed(TEA, first)

    assert [one.event for one in missed.events] == [joined(2), changed(2, skip=TAB)]


async def test_of_random_groups_every_list_is_told(brokers):
    first = await tell(brokers, joined(1), changed(1, epoch=1), changed(2, epoch=2))

    missed = await brokers[0].missed(TEA, first)

    assert [one.event for one in missed.events] == [changed(1, epoch=1), changed(2, epoch=2)]
