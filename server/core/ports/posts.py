"""Messages of workspaces, and what can be done with them besides."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from server.core.ids import FileId, MessageId, RoomId, UserId, WorkspaceId
from server.core.ports.conversations import FoundPlace, MessageRef
from server.core.ports.workspaces import Entrant
from server.core.workspaces.values import Post, WrappedKey


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


class Searched(Struct, frozen=True, kw_only=True):
    """Where somebody can look for words.

    Attributes:
        keys: All those under which something is sealed there, or may be.
        has_opaque: Some conversations there are opaque: nobody but their clients finds words.
    """

    keys: tuple[WrappedKey, ...]
    has_opaque: bool


class WordSearch(Struct, frozen=True, kw_only=True):
    """Words that are looked for; None is anything.

    Attributes:
        tokens: Of all words, under each key (workspace, version) of those that `searched` tells;
            by the first one messages are found, and of these those that have the others, too.
        from_ms, until_ms: When it was stored; until excludes itself.
    """

    tokens: Mapping[tuple[WorkspaceId, int], tuple[str, ...]]
    workspace_id: WorkspaceId | None = None
    room_id: RoomId | None = None
    sender: UserId | None = None
    from_ms: int | None = None
    until_ms: int | None = None


class FoundPosts(Struct, frozen=True, kw_only=True):
    """Messages that were found, the newest first; see `FoundPage`."""

    posts: tuple[Post, ...]
    next: FoundPlace | None


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
            KeyEndedError: It is sealed under a key that has ended.
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

    async def searched(
        self, who: Entrant, workspace_id: WorkspaceId | None, room_id: RoomId | None
    ) -> Searched:
        """Where somebody can look: in all its conversations, those of a workspace, or one.

        Raises:
            AppError: NOT_FOUND unless it is in that workspace, or conversation.
        """
        ...

    async def find(
        self, who: Entrant, wish: WordSearch, before: FoundPlace | None, limit: int, now_ms: int
    ) -> FoundPosts | None:
        """Sealed messages that have all these words, the newest first, from a place on.

        What is deleted or withheld from the asker is not found. Hashes are short: what is found
        may not have the words.

        Returns:
            None if there is a key by now of which no tokens were given.

        Raises:
            AppError: As `searched`.
        """
        ...
