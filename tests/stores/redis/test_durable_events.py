"""What happens in durable rooms reaches other processes as it was told."""

import pytest

from server.core.durable import (
    Conversation,
    ConversationChanged,
    ConversationEnded,
    MessageDeleted,
    MessageStored,
    Participant,
    Role,
    Status,
    StatusAdvanced,
    StoredMessage,
)
from server.core.ids import ConnectionId, DeviceId, MessageId, RoomId, UserId
from server.core.kinds import Kind
from server.core.user_events import UserEvent
from server.stores.redis.told import pack, unpack

ALICE, BOB, ROOM, M1 = UserId("alice"), UserId("bob"), RoomId("room"), MessageId("m1")

MESSAGE = StoredMessage(
    room_id=ROOM,
    kind=Kind.DIRECT,
    seq=7,
    message_id=M1,
    sender=ALICE,
    sender_device=DeviceId("phone"),
    recipient=BOB,
    type="direct",
    ciphertext="gïf",
    metadata=b'{"a":"\xc3\xbc"}',
    sent_ms=1,
    expires_ms=None,
    deleted_ms=None,
)

ROOM_OF_TWO = Conversation(
    room_id=ROOM,
    kind=Kind.GROUP,
    name="Tea",
    description="",
    created_by=ALICE,
    created_ms=1,
    updated_ms=2,
    ttl_ms=None,
    seq=7,
    participants=(Participant(user_id=ALICE, role=Role.OWNER, joined_ms=1),),
)

EVENTS = (
    MessageStored(users=(ALICE, BOB), skip=ConnectionId("c"), stream=ROOM, seq=7, message=MESSAGE),
    StatusAdvanced(
        users=(ALICE,),
        room_id=ROOM,
        seq=7,
        message_id=M1,
        sender=ALICE,
        user_id=BOB,
        status=Status.READ,
        at_ms=3,
    ),
    MessageDeleted(users=(BOB,), stream=ROOM, seq=7, message_id=M1, user_id=ALICE, deleted_ms=4),
    ConversationChanged(users=(ALICE,), conversation=ROOM_OF_TWO),
    ConversationEnded(users=(BOB,), room_id=ROOM, at_ms=5),
)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_an_event_is_the_same_after_its_way(event: UserEvent) -> None:
    assert unpack(UserEvent, pack(event)) == event
