"""Files of conversations: what is known of them, and where their bytes are kept."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from typing import Protocol

from msgspec import Struct

from server.core.ids import FileId, RoomId, UserId, WorkspaceId
from server.core.ports.workspaces import Entrant
from server.core.workspaces.values import WrappedKey


class ByteStream(Struct, frozen=True):
    """A file on its way in.

    Attributes:
        size_bytes: At most, as its sender says; None if nothing was said.
        name, media_type: As its sender says, if it does.
        chunks: Once; of any size. It raises AppError if what was to come does not.
    """

    size_bytes: int | None
    name: str | None
    media_type: str | None
    chunks: AsyncIterator[bytes]


class Download(Struct, frozen=True):
    """A file on its way out.

    Attributes:
        file_id: No other bytes ever have the same.
        name: As its sender said; None if it has none.
        chunks: The bytes from one place up to another.
    """

    file_id: str
    size_bytes: int
    name: str | None
    chunks: Callable[[int, int], AsyncGenerator[bytes, None]]


class FilePlace(Struct, frozen=True, kw_only=True):
    """A conversation into which files may be put.

    Attributes:
        key: The newest of its workspace.
    """

    room_id: RoomId
    workspace_id: WorkspaceId
    key: WrappedKey


class NewFile(Struct, frozen=True, kw_only=True):
    """A file that begins to come.

    Attributes:
        reserved_bytes: That it has at most.
        wrapped_key: Its own key, under that of the workspace.
        details: Its name and type, sealed under that key.
    """

    file_id: FileId
    place: FilePlace
    uploader: UserId
    reserved_bytes: int
    wrapped_key: bytes
    details: str


class StoredFile(Struct, frozen=True, kw_only=True):
    """A file that has come.

    Attributes:
        key: Of its workspace, under which `wrapped_key` and `details` are.
        size_bytes: As it was sent.
    """

    file_id: FileId
    room_id: RoomId
    uploader: UserId
    size_bytes: int
    created_ms: int
    key: WrappedKey
    wrapped_key: bytes
    details: str


class FileStore(Protocol):
    """What is known of files, and how much of them a workspace and an account hold.

    Who may read a file is who may read the message that it hangs on; until there is one, who has
    sent it. For all others there is none.
    """

    async def place(self, who: Entrant, room_id: RoomId) -> FilePlace:
        """A conversation of a workspace, for a member of it.

        Raises:
            AppError: NOT_FOUND.
        """
        ...

    async def begin(self, new: NewFile, now_ms: int, due_ms: int) -> None:
        """Hold room for a file, which is garbage at `due_ms` if nothing more is said of it.

        Raises:
            AppError: LIMIT_REACHED if the workspace, or the account, would hold too much.
        """
        ...

    async def go_on(self, file_id: FileId, due_ms: int) -> None:
        """Put off when a file that still comes is garbage.

        Raises:
            AppError: NOT_FOUND if it is that already.
        """
        ...

    async def finish(self, file_id: FileId, size_bytes: int, due_ms: int) -> None:
        """Note that a file is there; if no message has it at `due_ms`, it is garbage.

        Raises:
            AppError: NOT_FOUND if it is that already.
        """
        ...

    async def give_up(self, file_id: FileId) -> None:
        """Note that a file is garbage now."""
        ...

    async def get(self, who: Entrant, file_id: FileId, now_ms: int) -> StoredFile:
        """A file that somebody may read.

        Raises:
            AppError: NOT_FOUND.
        """
        ...

    async def garbage(self, now_ms: int, limit: int) -> tuple[FileId, ...]:
        """Files that nobody can get any more, and whose bytes are to be deleted.

        They are found until they are forgotten, by others as well.
        """
        ...

    async def forget(self, file_ids: Sequence[FileId]) -> None:
        """Forget garbage, the bytes of which are deleted, and hold room for it no more."""
        ...


class Blobs(Protocol):
    """Bytes under names of ours, each written once. One is there whole or not at all."""

    async def put(self, name: str, chunks: AsyncIterator[bytes]) -> int:
        """Keep what comes, and only then return how many bytes it was.

        If the iterator raises, so does this, and nothing is left.

        Raises:
            AppError: UNAVAILABLE.
        """
        ...

    def get(self, name: str, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """The bytes from one place up to another, as they are wanted, some at a time.

        Raises:
            AppError: NOT_FOUND if there is no such name; UNAVAILABLE, also in the midst of it.
        """
        ...

    async def delete(self, name: str) -> None:
        """Forget what is there, and what an interrupted `put` left; none is no error.

        Raises:
            AppError: UNAVAILABLE.
        """
        ...
