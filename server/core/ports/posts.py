"""Messages of workspaces, and what can be done with them besides."""

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from server.core.ids import FileId, MessageId, RoomId, UserId
from server.core.ports.conversations import MessageRef
from server.core.workspaces.values import Post


class PostChange(Struct, frozen=True, kw_only=True):
    """What a message says from now on.

    Attributes:
        metadata: The text of a JSON value.
        key_version, tokens: As of `NewPost`.
        file_ids: All that it has from now on; None leaves those that it has.
    """

    ciphertext: str
    metadata: bytes | None
    key_version: int | None = None
    tokens: tuple[str, ...] = ()
    file_ids: tuple[FileId, ...] | None = None


class ChangedPost(Struct, frozen=True, kw_only=True):
    """A message as it is now.

    Attributes:
        is_changed: It was another before.
        readers: Who may read it.
    """

    post: Post
    is_changed: bool
    readers: tuple[UserId, ...]


class PostStore(Protocol):
    """Messages of conversations of workspaces, with their threads and reactions.

    For whoever is not a member there is none: it raises NOT_FOUND.
    """

    async def page(
        self,
        user_id: UserId,
        room_id: RoomId,
        limit: int,
        now_ms: int,
        *,
        before: int | None = None,
        after: int | None = None,
        thread: MessageId | None = None,
    ) -> tuple[tuple[Post, ...], bool]:
        """Messages, oldest first: the newest, or those before or after a sequence.

        Args:
            thread: The first message of a thread, or one of it: only what is in it.

        Returns:
            These, and whether there are more in the direction that was asked for.
        """
        ...

    async def get(self, user_id: UserId, ref: MessageRef, now_ms: int) -> Post:
        """The message that is meant.

        Raises:
            AppError: NOT_FOUND; ID_CONFLICT if several are.
        """
        ...

    async def edit(
        self, user_id: UserId, ref: MessageRef, change: PostChange, expected: int, now_ms: int
    ) -> ChangedPost:
        """Have a message say something else.

        Args:
            expected: How often it was edited before.

        Raises:
            AppError: FORBIDDEN unless it is the user's own; NOT_FOUND, also of what was deleted;
                ID_CONFLICT if another edit was first; LIMIT_REACHED of the user's bytes.
        """
        ...

    async def delete(self, user_id: UserId, ref: MessageRef, now_ms: int) -> ChangedPost:
        """Forget what a message said, its words and reactions; as `MessageStore.delete`."""
        ...

    async def react(
        self, user_id: UserId, ref: MessageRef, emoji: str, wanted: bool | None, now_ms: int
    ) -> ChangedPost:
        """Have a user's reaction to a message, or not; the other way than it is if None is said.

        Raises:
            AppError: NOT_FOUND, also of what was deleted; LIMIT_REACHED: it has too many.
        """
        ...

    async def told_after(self, room_id: RoomId, seq: int, limit: int) -> Sequence[Post]:
        """What was stored in a conversation after a sequence, in order; for nobody in particular.

        What is withheld is marked; it is for its sender alone.
        """
        ...
