"""How often it is told that somebody has read, or is typing, and who is in a conversation."""

from msgspec import Struct, structs

from server.core.ids import RoomId, UserId
from server.core.workspaces.events import ChannelChanged, PositionMoved, PostTyping

POSITION_MS = 1_000
CROWDED_POSITION_MS = 5_000
"""From one position of somebody that is told to the next; the same where a crowd hears it."""

CROWD = 50
"""Connections that are present in a conversation."""

CHANGE_MS = 5_000
"""From one change that is told of a conversation with many members to the next."""

MANY = 20
"""Members of a conversation of which each change is told at once."""

TYPING_MS = 3_000
"""Within which it need not be told again that somebody is typing."""

TYPED_MS = 8_000
"""After which somebody is not typing any more who has not said so again."""

MAX_PACED = 20_000
"""Of people in conversations, and of conversations. Of more the news is told as it comes."""

Who = tuple[RoomId, UserId]


class _Position(Struct):
    """Since when the last position counts as told, and the one that waits."""

    due_ms: int
    waiting: PositionMoved | None = None


class _Changes(Struct):
    """Until when nothing is told of a conversation, and all that has changed in it since."""

    due_ms: int
    waiting: ChannelChanged | None = None

    def note(self, event: ChannelChanged) -> None:
        before = self.waiting.changed if self.waiting else ()
        changed = tuple(dict.fromkeys((*before, *event.changed)))
        self.waiting = structs.replace(event, changed=changed)


class _Typing(Struct):
    """When it was told that somebody is typing, and said so last."""

    event: PostTyping
    told_ms: int
    said_ms: int


class Pace:
    """Holds back what is told too often. The last word always goes."""

    def __init__(self) -> None:
        self._positions: dict[Who, _Position] = {}
        self._typing: dict[Who, _Typing] = {}
        self._changes: dict[RoomId, _Changes] = {}

    def position(self, event: PositionMoved, hearers: int, now_ms: int) -> bool:
        """Whether a position is to be told now; else it comes out of `due`."""
        who = (event.room_id, event.user_id)
        pause_ms = CROWDED_POSITION_MS if hearers > CROWD else POSITION_MS
        known = self._positions.get(who)
        if known and now_ms < known.due_ms:
            if known.waiting is None or event.seq >= known.waiting.seq:
                known.waiting = event
            return False
        if known or len(self._positions) < MAX_PACED:
            self._positions[who] = _Position(now_ms + pause_ms)
        return True

    def change(self, event: ChannelChanged, now_ms: int) -> bool:
        """Whether a change of a conversation is to be told now; else it comes out of `due`."""
        if known := self._changes.get(event.room_id):
            known.note(event)
            return False
        has_many = len(event.channel.conversation.participants) > MANY
        if has_many and len(self._changes) < MAX_PACED:
            self._changes[event.room_id] = _Changes(now_ms + CHANGE_MS)
        return True

    def typing(self, event: PostTyping, now_ms: int) -> bool:
        """Whether it is to be told that somebody is typing, or no longer."""
        who = (event.room_id, event.user_id)
        known = self._typing.get(who)
        if not event.is_typing:
            was_full = len(self._typing) >= MAX_PACED
            return self._typing.pop(who, None) is not None or was_full
        if known and now_ms < known.told_ms + TYPING_MS:
            known.said_ms = now_ms
            return False
        if known or len(self._typing) < MAX_PACED:
            self._typing[who] = _Typing(event, now_ms, now_ms)
        return True

    def stopped(self, room_id: RoomId, user_id: UserId) -> PostTyping | None:
        """Somebody types no more: what is to be told now, if it was told that it does."""
        known = self._typing.pop((room_id, user_id), None)
        return _stopped(known.event) if known else None

    def due(self, now_ms: int) -> list[PositionMoved | ChannelChanged | PostTyping]:
        """What is to be told now: the last positions and changes, and who has fallen silent."""
        return [*self._due_positions(now_ms), *self._due_changes(now_ms), *self._silent(now_ms)]

    def _due_positions(self, now_ms: int) -> list[PositionMoved]:
        due = [who for who, known in self._positions.items() if known.due_ms <= now_ms]
        found = [self._positions.pop(who).waiting for who in due]
        return [one for one in found if one]

    def _due_changes(self, now_ms: int) -> list[ChannelChanged]:
        """After what waited nothing more is told for as long again."""
        due = [room_id for room_id, known in self._changes.items() if known.due_ms <= now_ms]
        found = [one for room_id in due if (one := self._changes.pop(room_id).waiting)]
        self._changes |= {one.room_id: _Changes(now_ms + CHANGE_MS) for one in found}
        return found

    def _silent(self, now_ms: int) -> list[PostTyping]:
        due = [who for who, known in self._typing.items() if known.said_ms + TYPED_MS <= now_ms]
        return [_stopped(self._typing.pop(who).event) for who in due]


def _stopped(event: PostTyping) -> PostTyping:
    return PostTyping(
        workspace_id=event.workspace_id,
        room_id=event.room_id,
        user_id=event.user_id,
        is_typing=False,
    )
