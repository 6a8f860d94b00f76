"""Files of conversations: sealed as they come, each under its own key, and opened as they go."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import suppress

import msgspec
from msgspec import Struct
from nacl.utils import random

from server.core.errors import AppError, Code
from server.core.identity import User, is_one_line
from server.core.ids import FileId, RoomId, UserId, WorkspaceId, new_id
from server.core.parts import Parts
from server.core.ports.files import (
    Blobs,
    ByteStream,
    Download,
    FilePlace,
    FileStore,
    NewFile,
    StoredFile,
)
from server.core.rates import spend
from server.core.workspaces import chunks
from server.core.workspaces.attempts import under_a_key
from server.core.workspaces.keys import KEY_BYTES
from server.core.workspaces.vault import Vault, of_file
from server.core.workspaces.workspaces import Workspaces

SILENCE_MS = 60 * 60_000
"""After which a file that still comes is given up."""

GO_ON_MS = 60_000
"""So often it is said that it still comes."""

UNSENT_MS = 24 * 60 * 60_000
"""Within which a message must have a file."""

EXPIRY_MS = 60_000
"""So often garbage is looked for."""

GARBAGE = 100
"""Files of one round."""

AROUND_BYTES = 64 * 1024
"""What a form may have around a file."""

MEDIA_TYPE_CHARS = 255


class _Details(Struct, frozen=True):
    name: str | None
    type: str | None


class File(Struct, frozen=True, kw_only=True):
    """A file of a conversation.

    Attributes:
        name, media_type: As its sender said, if it did.
        size_bytes: As it was sent.
    """

    file_id: FileId
    room_id: RoomId
    workspace_id: WorkspaceId
    uploader: UserId
    name: str | None
    media_type: str | None
    size_bytes: int
    created_ms: int


class Files:
    """What people put into conversations of workspaces beside what they say."""

    def __init__(
        self, parts: Parts, store: FileStore, blobs: Blobs, workspaces: Workspaces, vault: Vault
    ) -> None:
        self._parts = parts
        self._store = store
        self._blobs = blobs
        self._workspaces = workspaces
        self._vault = vault
        self._expires_ms = 0

    async def upload(self, user: User, room_id: RoomId, stream: ByteStream) -> File:
        """Take a file into a conversation, where it waits for a message to have it.

        Raises:
            AppError: NOT_FOUND unless the user is in the conversation; PAYLOAD_TOO_LARGE,
                LIMIT_REACHED, RATE_LIMITED, INVALID_REQUEST; UNAVAILABLE. Nothing is kept then.
        """
        now_ms = self._now_ms()
        who = await self._workspaces.enter(user)
        await spend(self._parts.limiter, "files of", user.user_id, self._parts.rates.files, now_ms)
        self._check(stream)
        file_id, file_key = FileId(new_id()), random(KEY_BYTES)

        async def begin() -> NewFile:
            place = await self._store.place(who, room_id)
            new = self._new(place, file_id, file_key, user, stream)
            await self._store.begin(new, now_ms, now_ms + SILENCE_MS)
            return new

        new = await under_a_key(begin)
        try:
            size_bytes = await self._take(new, file_key, stream)
            await self._store.finish(file_id, size_bytes, self._now_ms() + UNSENT_MS)
        except BaseException:
            with suppress(AppError):  # then it is garbage when its time is over
                await self._store.give_up(file_id)
                # It may have come after it was garbage, and then nobody else knows of it.
                await self._blobs.delete(file_id)
            raise
        return File(
            file_id=file_id,
            room_id=room_id,
            workspace_id=new.place.workspace_id,
            uploader=user.user_id,
            name=stream.name,
            media_type=stream.media_type,
            size_bytes=size_bytes,
            created_ms=now_ms,
        )

    async def get(self, user: User, file_id: FileId) -> File:
        """A file that the user may read.

        Raises:
            AppError: NOT_FOUND.
        """
        who = await self._workspaces.enter(user)
        return self._opened(await self._store.get(who, file_id, self._now_ms()))

    async def download(self, user: User, file_id: FileId) -> Download:
        """Its bytes.

        Raises:
            AppError: NOT_FOUND; UNAVAILABLE, and INTERNAL if they are not what was sent, when
                they are read.
        """
        who = await self._workspaces.enter(user)
        found = await self._store.get(who, file_id, self._now_ms())
        context = _context(found, "key")
        file_key = self._vault.unwrap_file_key(found.key, context, found.wrapped_key)

        def opened(start: int, end: int) -> AsyncGenerator[bytes, None]:
            whole = chunks.Whole(file_id, found.size_bytes, file_key)
            return chunks.opened(whole, start, end, self._blobs.get)

        return Download(file_id, found.size_bytes, self._opened(found).name, opened)

    async def expire(self) -> None:
        """Delete what no message has, once a minute.

        Raises:
            AppError: UNAVAILABLE; what could not be deleted is deleted another time.
        """
        now_ms = self._now_ms()
        if now_ms < self._expires_ms:
            return
        self._expires_ms = now_ms + EXPIRY_MS
        garbage = await self._store.garbage(now_ms, GARBAGE)
        deleted, failure = await self._delete(garbage)
        if deleted:
            await self._store.forget(deleted)
        if failure:
            raise failure
        if len(garbage) == GARBAGE:
            self._expires_ms = now_ms  # there may be more

    # --- parts ---

    async def _delete(self, garbage: Sequence[FileId]) -> tuple[list[FileId], AppError | None]:
        """Delete bytes, all at once: what cannot be deleted stops nothing else.

        Returns:
            Whose bytes are deleted, and why those of others are not.
        """
        told = await asyncio.gather(*map(self._failure, garbage))
        deleted = [one for one, failure in zip(garbage, told, strict=True) if failure is None]
        return deleted, next(filter(None, told), None)

    async def _failure(self, file_id: FileId) -> AppError | None:
        """Why the bytes of a file cannot be deleted; None if they are."""
        try:
            await self._blobs.delete(file_id)
        except AppError as error:
            return error
        return None

    def _check(self, stream: ByteStream) -> None:
        bounds = self._parts.bounds
        if (stream.size_bytes or 0) > bounds.file_bytes + AROUND_BYTES:
            raise self._too_large()
        if len(stream.name or "") > bounds.name_chars:
            told = f"the name of a file may have {bounds.name_chars} characters"
            raise AppError(Code.INVALID_REQUEST, told)
        if not is_one_line(stream.name or ""):
            told = "the name of a file may have no control characters"
            raise AppError(Code.INVALID_REQUEST, told)
        if len(stream.media_type or "") > MEDIA_TYPE_CHARS:
            told = f"the type of a file may have {MEDIA_TYPE_CHARS} characters"
            raise AppError(Code.INVALID_REQUEST, told)

    def _new(
        self,
        place: FilePlace,
        file_id: FileId,
        file_key: bytes,
        user: User,
        stream: ByteStream,
    ) -> NewFile:
        largest = self._parts.bounds.file_bytes
        said = largest if stream.size_bytes is None else stream.size_bytes
        details = msgspec.json.encode(_Details(stream.name, stream.media_type))
        where = (place.workspace_id, place.room_id, file_id)
        return NewFile(
            file_id=file_id,
            place=place,
            uploader=user.user_id,
            reserved_bytes=min(said, largest),
            wrapped_key=self._vault.wrap_file_key(place.key, of_file(*where, "key"), file_key),
            details=self._vault.seal(place.key, of_file(*where, "details"), details),
        )

    async def _take(self, new: NewFile, file_key: bytes, stream: ByteStream) -> int:
        """Seal and keep what comes, and count it."""
        size_bytes = 0

        async def counted() -> AsyncIterator[bytes]:
            nonlocal size_bytes
            due_ms = self._now_ms() + GO_ON_MS
            async for chunk in stream.chunks:
                size_bytes += len(chunk)
                if size_bytes > new.reserved_bytes:
                    raise self._too_large()
                if (now_ms := self._now_ms()) >= due_ms:
                    await self._store.go_on(new.file_id, now_ms + SILENCE_MS)
                    due_ms = now_ms + GO_ON_MS
                yield chunk

        await self._blobs.put(new.file_id, chunks.sealed(new.file_id, file_key, counted()))
        return size_bytes

    def _opened(self, found: StoredFile) -> File:
        plain = self._vault.open(found.key, _context(found, "details"), found.details)
        details = msgspec.json.decode(plain, type=_Details)
        return File(
            file_id=found.file_id,
            room_id=found.room_id,
            workspace_id=found.key.workspace_id,
            uploader=found.uploader,
            name=details.name,
            media_type=details.type,
            size_bytes=found.size_bytes,
            created_ms=found.created_ms,
        )

    def _too_large(self) -> AppError:
        return AppError(
            Code.PAYLOAD_TOO_LARGE, f"a file may have {self._parts.bounds.file_bytes} bytes"
        )

    def _now_ms(self) -> int:
        return self._parts.clock.now_ms()


def _context(found: StoredFile, part: str) -> bytes:
    return of_file(found.key.workspace_id, found.room_id, found.file_id, part)
