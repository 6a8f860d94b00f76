"""What was sealed under an old key of a workspace is sealed anew, by and by."""

import asyncio
import logging
from collections.abc import Iterable, Sequence

from msgspec import Struct, field, structs

from server.core.errors import AppError
from server.core.ids import WorkspaceId
from server.core.ports.keys import (
    BEGIN,
    KeyEndedError,
    KeyStore,
    Sealed,
    SealedFile,
    SealedPost,
    SealedRoom,
    Where,
)
from server.core.workspaces.content import text_in
from server.core.workspaces.naming import TEXTS
from server.core.workspaces.values import WrappedKey
from server.core.workspaces.vault import Vault, of_file, of_message, of_room

PORTION = 200
"""Things that are sealed anew in one round; fewer where that has failed."""

AGAIN_MS = 3_600_000
"""So long what cannot be opened is left before all of its key is looked through again."""

MAX_DAMAGED = 10_000
"""Things of one key of which it is known that they cannot be opened; others are tried again."""

log = logging.getLogger("hushwire.vault")

One = SealedRoom | SealedPost | SealedFile


class _Pass(Struct):
    """How far all that is under a key has been gone through.

    Attributes:
        place: After which it goes on.
        begins_ms: Not before that.
        failures: Of its last portions, less one for each that has succeeded since.
        damaged: What was seen on the way and cannot be opened; `known` was before, too.
    """

    place: Where = BEGIN
    begins_ms: int = 0
    failures: int = 0
    damaged: set[Where] = field(default_factory=set)
    known: set[Where] = field(default_factory=set)

    @property
    def portion(self) -> int:
        return max(1, PORTION >> self.failures)


class Resealing:
    """Goes through what is under old keys, portion after portion."""

    def __init__(self, store: KeyStore, vault: Vault) -> None:
        self._store = store
        self._vault = vault
        self._passes: dict[tuple[WorkspaceId, int], _Pass] = {}

    async def go_on(self, keys: Sequence[WrappedKey], now_ms: int) -> bool:
        """Seal anew a portion of what is under one of these keys.

        Of what cannot be opened the log says so once; it stays as it is, and so does its key. A
        portion that fails is tried in a smaller one, after those of all other keys.

        Returns:
            Whether there may be more.

        Raises:
            AppError: UNAVAILABLE.
        """
        known = {_name_of(one): self._passes.get(_name_of(one)) for one in keys}
        self._passes = {name: one or _Pass() for name, one in known.items()}
        due = [
            (one, at)
            for one in keys
            if (at := self._passes[_name_of(one)]).begins_ms <= now_ms
            and self._vault.can_unwrap(one)
        ]
        for key, at in sorted(due, key=lambda pair: pair[1].failures):
            if await self._go_on_with(key, at, now_ms):
                return True
        return False

    async def _go_on_with(self, key: WrappedKey, at: _Pass, now_ms: int) -> bool:
        place = at.place
        try:
            old = await self._store.under(key, at.portion, place)
            if old.is_empty:
                self._end(key, at, now_ms)
                return False
            if at.portion == 1 and at.failures:
                place = old.things[-1].where  # it is not tried again before all others
            newest, _ = await self._store.newest(key.workspace_id)
            if not (self._vault.can_unwrap(newest) and self._vault.opens(key, newest)):
                at.begins_ms = now_ms + AGAIN_MS
                return False
            await self._reseal(key, newest, old, at)
        except KeyEndedError:
            return True
        except AppError:
            at.failures += 1
            at.place = place
            raise
        at.failures = max(0, at.failures - 1)
        return True

    def _end(self, key: WrappedKey, at: _Pass, now_ms: int) -> None:
        """Begin anew, if anything is left: what was changed on the way, or could not be opened."""
        if at.damaged:
            at.begins_ms = now_ms + AGAIN_MS
        if at.damaged - at.known:
            fields = {
                "workspace": key.workspace_id,
                "version": key.version,
                "damaged": len(at.damaged),
            }
            log.error("key_kept", extra={"fields": fields})
        at.place, at.known, at.damaged = BEGIN, at.damaged, set()

    async def _reseal(self, key: WrappedKey, newest: WrappedKey, old: Sealed, at: _Pass) -> None:
        done: list[tuple[One, One]] = []
        for one in old.things:
            # Known ones are not opened again: that would be in the log each time.
            is_known = one.where in at.known and not _is_deleted(one)
            anew = None if is_known else self._anew(key, newest, one)
            if anew is not None:
                done.append((one, anew))
            elif len(at.damaged) < MAX_DAMAGED:
                at.damaged.add(one.where)
            await asyncio.sleep(0)  # others have their turn: a long message takes milliseconds
        if done:
            before, after = zip(*done, strict=True)
            await self._store.reseal(_sealed(key, before), _sealed(newest, after))
        at.place = old.things[-1].where

    def _anew(self, old: WrappedKey, new: WrappedKey, one: One) -> One | None:
        """The same under another key; None of what cannot be opened, which the log says."""
        try:
            if isinstance(one, SealedRoom):
                return self._room(old, new, one)
            if isinstance(one, SealedPost):
                return self._post(old, new, one)
            return self._file(old, new, one)
        except AppError:
            return None

    def _room(self, old: WrappedKey, new: WrappedKey, one: SealedRoom) -> SealedRoom:
        boxes = {name: getattr(one.texts, name) for name in TEXTS}
        where = {name: of_room(old.workspace_id, one.room_id, name) for name in TEXTS}
        sealed = {
            name: box and self._vault.resealed(old, new, where[name], box)
            for name, box in boxes.items()
        }
        texts = structs.replace(one.texts, key_version=new.version, **sealed)
        return structs.replace(one, texts=texts)

    def _post(self, old: WrappedKey, new: WrappedKey, one: SealedPost) -> SealedPost:
        if one.box is None:
            return one
        where = of_message(old.workspace_id, one.room_id, one.message_id, one.edits)
        plain = self._vault.open(old, where, one.box)
        return structs.replace(
            one,
            box=self._vault.seal(new, where, plain),
            tokens=self._vault.tokens(new, text_in(plain)),
        )

    def _file(self, old: WrappedKey, new: WrappedKey, one: SealedFile) -> SealedFile:
        place = (old.workspace_id, one.room_id, one.file_id)
        where = of_file(*place, "key")
        file_key = self._vault.unwrap_file_key(old, where, one.wrapped_key)
        details = of_file(*place, "details")
        return structs.replace(
            one,
            wrapped_key=self._vault.wrap_file_key(new, where, file_key),
            details=one.details and self._vault.resealed(old, new, details, one.details),
        )


def _is_deleted(one: One) -> bool:
    return isinstance(one, SealedPost) and one.box is None


def _name_of(key: WrappedKey) -> tuple[WorkspaceId, int]:
    return key.workspace_id, key.version


def _sealed(key: WrappedKey, some: Iterable[One]) -> Sealed:
    things = list(some)
    return Sealed(
        key=key,
        rooms=tuple(one for one in things if isinstance(one, SealedRoom)),
        posts=tuple(one for one in things if isinstance(one, SealedPost)),
        files=tuple(one for one in things if isinstance(one, SealedFile)),
    )
