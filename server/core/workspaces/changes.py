"""What is told of a message is never older than what was told of it before.

Each process tells of a change after it has stored it; so of two processes that change one message
at about the same time, the first may be heard last.
"""

import sys
from collections.abc import Sequence

from msgspec import Struct, structs

from server.core.ids import RoomId, WorkspaceId
from server.core.workspaces.events import (
    ChannelEvent,
    PostDeleted,
    PostEdited,
    PostReacted,
    PostStored,
)
from server.core.workspaces.telling import only_for
from server.core.workspaces.values import Post

KEPT_MS = 30_000
"""For which it is known what was told of a message."""

FOLLOW_MS = 1_000
"""After which a message is read again of which it is not known which change came first."""

MAX_KNOWN = 10_000
"""Messages. Of more, what was told first is forgotten first."""

MAX_FOLLOWED = 200
"""Messages that are read again at one time; the others are so the next time."""

LAST = sys.maxsize
"""A deletion counts as an edit after which there is none."""

Change = PostEdited | PostReacted | PostDeleted
Place = tuple[RoomId, int]


class Doubt(Struct, frozen=True):
    """A message that is to be read again."""

    workspace_id: WorkspaceId
    place: Place
    due_ms: int


class _Known(Struct):
    """What was told last of a message.

    Attributes:
        edits: How often it was edited.
        shown: Stands for its words and reactions.
        deleted_ms: When it was deleted, if that was told.
        waiting: To be told after the message itself, of which nothing was told yet.
    """

    told_ms: int
    edits: int = 0
    shown: int | None = None
    deleted_ms: int | None = None
    waiting: Change | None = None


class Changes:
    """Knows for a while what was told of messages that were changed."""

    def __init__(self) -> None:
        self._known: dict[Place, _Known] = {}
        self._doubts: dict[Place, Doubt] = {}

    def hold(self, event: Change, now_ms: int) -> None:
        """Have a change wait for its message, which was not told yet; the newest one does."""
        known = self._known.get(_place(event))
        if known is None or known.waiting is None or _edits(event) >= _edits(known.waiting):
            self._remember(_place(event), _Known(now_ms, waiting=event))

    def first(self, event: PostStored, now_ms: int) -> Sequence[ChannelEvent]:
        """What is to be told of a message: as it is now, then the change that waited for it."""
        place = (event.room_id, event.post.message.seq)
        known = self._known.get(place)
        waiting = known.waiting if known else None
        post = _newer(event.post, known)
        if known or _edits_of(post) or post.reactions:
            self._remember(place, _Known(now_ms, _edits_of(post), _shown(post)))
        told = structs.replace(event, post=post)
        return (told, waiting) if waiting and self.is_news(waiting, now_ms) else (told,)

    def is_news(self, event: Change, now_ms: int) -> bool:
        """Whether a change is to be told; otherwise something newer was told.

        One that comes soon after another may be older in what is not counted, its reactions: then
        the message is read again. So it is for reactions that come after an edit.
        """
        place, edits = _place(event), _edits(event)
        known = self._known.get(place)
        is_older = known is not None and edits < known.edits
        if known and known.edits < LAST and not (is_older and isinstance(event, PostEdited)):
            self._doubt(event, now_ms)
        if not is_older:
            self._remember(place, _told(event, now_ms))
        return not is_older

    # --- what is read again ---

    def due(self, now_ms: int) -> list[Doubt]:
        """What is to be read now; what was told long ago is forgotten."""
        for place in [one for one, of in self._known.items() if of.told_ms + KEPT_MS <= now_ms]:
            del self._known[place]
        due = [one for one in self._doubts.values() if one.due_ms <= now_ms][:MAX_FOLLOWED]
        for one in due:
            del self._doubts[one.place]
        return due

    def again(self, doubt: Doubt, now_ms: int) -> None:
        """It could not be read."""
        known = self._known.get(doubt.place)
        if known is None or known.edits < LAST:
            later = structs.replace(doubt, due_ms=now_ms + FOLLOW_MS)
            self._doubts.setdefault(doubt.place, later)

    def found(self, doubt: Doubt, post: Post, now_ms: int) -> PostReacted | None:
        """What is to be told of a message that was read again, if it was not told so.

        What has come while it was read may be newer: then it is read once more.
        """
        known = self._known.get(doubt.place)
        if doubt.place in self._doubts or post.message.deleted_ms is not None:
            return None
        if known and (post.edits < known.edits or _shown(post) == known.shown):
            return None
        self._remember(doubt.place, _Known(now_ms, post.edits, _shown(post)))
        return PostReacted(
            workspace_id=doubt.workspace_id,
            room_id=post.message.room_id,
            only=only_for(post),
            post=post,
        )

    def _doubt(self, event: Change, now_ms: int) -> None:
        place = _place(event)
        self._doubts.setdefault(place, Doubt(event.workspace_id, place, now_ms + FOLLOW_MS))

    def _remember(self, place: Place, known: _Known) -> None:
        self._known.pop(place, None)
        self._known[place] = known
        if len(self._known) > MAX_KNOWN:
            del self._known[next(iter(self._known))]
        if known.edits == LAST:
            self._doubts.pop(place, None)


def seq_of(event: Change) -> int:
    return event.seq if isinstance(event, PostDeleted) else event.post.message.seq


def _place(event: Change) -> Place:
    return event.room_id, seq_of(event)


def _edits(event: Change) -> int:
    return LAST if isinstance(event, PostDeleted) else _edits_of(event.post)


def _edits_of(post: Post) -> int:
    return post.edits if post.message.deleted_ms is None else LAST


def _shown(post: Post) -> int:
    return hash((_edits_of(post), post.reactions))


def _told(event: Change, now_ms: int) -> _Known:
    if isinstance(event, PostDeleted):
        return _Known(now_ms, LAST, deleted_ms=event.deleted_ms)
    return _Known(now_ms, event.post.edits, _shown(event.post))


def _newer(post: Post, known: _Known | None) -> Post:
    """A message, or how it is by what is known of it."""
    if known is None:
        return post
    waiting, deleted_ms = known.waiting, known.deleted_ms
    if isinstance(waiting, PostDeleted):
        deleted_ms = waiting.deleted_ms
    elif waiting and waiting.post.edits >= _edits_of(post):
        return waiting.post
    return post if deleted_ms is None else _without_words(post, deleted_ms)


def _without_words(post: Post, deleted_ms: int) -> Post:
    """As a message is read that was deleted."""
    deleted = {"ciphertext": None, "metadata": None, "deleted_ms": deleted_ms}
    return structs.replace(post, message=structs.replace(post.message, **deleted), reactions=())
