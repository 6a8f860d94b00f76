"""Keys of workspaces are changed, and what was sealed under the old ones is sealed anew."""

import logging
from collections import Counter

from msgspec import Struct, structs

from server.core.errors import AppError, Code
from server.core.ids import WorkspaceId
from server.core.parts import Parts
from server.core.ports.keys import KeyStore, Sealed, SealedFile, SealedPost, SealedRoom
from server.core.workspaces.channels import TEXTS
from server.core.workspaces.posts import text_in
from server.core.workspaces.values import WrappedKey
from server.core.workspaces.vault import Vault, of_file, of_message, of_room, of_workspace

DAY_MS = 24 * 3_600_000

AGE_MS = 90 * DAY_MS
"""So old a key is when it is changed."""

KEPT_MS = DAY_MS
"""So long an old one is kept at least: somebody may be sealing under it."""

RESEALED = 200
"""Things that are sealed anew in one round."""

LOOK_MS = 60_000
"""How often it is looked for what is to be done."""

AGED_MS = 3_600_000
"""How often it is looked for keys that are old."""

AGED = 100
"""Of these, how many in one round."""

ATTEMPTS = 3

log = logging.getLogger("hushwire.vault")


class Rewrapped(Struct, frozen=True, kw_only=True):
    """What of a page of keys is under the newest master key now.

    Attributes:
        count: Of keys that are and were not.
        lost: Under which master keys that are not known how many are; by their names, 8 bytes.
        next: After which it goes on; None at the end.
    """

    count: int
    lost: dict[bytes, int]
    next: tuple[WorkspaceId, int] | None


class Rotation:
    """Changes keys of workspaces: when operators say so, and when they are old."""

    def __init__(self, parts: Parts, store: KeyStore, vault: Vault) -> None:
        self._clock = parts.clock
        self._store = store
        self._vault = vault
        self._looks_ms = 0
        self._ages_ms = 0

    async def check(self) -> None:
        """Say in the log which master keys are missing, and how many keys are under each.

        Raises:
            AppError: UNAVAILABLE.
        """
        for name, count in (await self._store.masters()).items():
            if not self._vault.has_master(name):
                fields = {"master_key": name.hex(), "keys": count}
                log.error("master_key_missing", extra={"fields": fields})

    async def rotate(self, workspace_id: WorkspaceId) -> int:
        """Have everything in a workspace sealed under another key, by and by.

        Returns:
            Its version.

        Raises:
            AppError: NOT_FOUND; INTERNAL if its master key is not known.
        """
        for _ in range(ATTEMPTS):
            old, box = await self._store.newest(workspace_id)
            new = self._vault.new_key(workspace_id, old.version + 1)
            name = self._vault.resealed(old, new, of_workspace(workspace_id), box)
            if await self._store.rotate(old, new, name, self._clock.now_ms()):
                self._looks_ms = 0
                return new.version
        raise AppError(Code.ID_CONFLICT, "others change this key just now; try again")

    async def rewrap(self, after: tuple[WorkspaceId, int] | None, limit: int) -> Rewrapped:
        """Keep some keys under the newest master key."""
        keys = await self._store.keys(after, limit)
        known = [one for one in keys if self._vault.can_unwrap(one)]
        rewrapped = [one for key in known if (one := self._vault.rewrapped(key))]
        await self._store.rewrap(rewrapped)
        lost = Counter(one.wrapped_by for one in keys if not self._vault.can_unwrap(one))
        last = (keys[-1].workspace_id, keys[-1].version) if len(keys) == limit else None
        return Rewrapped(count=len(rewrapped), lost=dict(lost), next=last)

    async def expire(self) -> None:
        """Change what is old, seal anew what is under old keys, and end those.

        Raises:
            AppError: UNAVAILABLE; it is done another time.
        """
        now_ms = self._clock.now_ms()
        if now_ms < self._looks_ms:
            return
        self._looks_ms = now_ms + LOOK_MS
        if now_ms >= self._ages_ms:
            self._ages_ms = now_ms + AGED_MS
            await self._rotate_aged(now_ms)
        for key in await self._store.retired():
            if self._vault.can_unwrap(key) and await self._reseal(key):
                self._looks_ms = now_ms  # there may be more
                return
        await self._store.end(now_ms - KEPT_MS)

    async def _rotate_aged(self, now_ms: int) -> None:
        for workspace_id in await self._store.aged(now_ms - AGE_MS, AGED):
            try:
                await self.rotate(workspace_id)
            except AppError as error:
                if error.code is Code.UNAVAILABLE:
                    raise
                log.warning("key_not_rotated", extra={"code": error.code.word})

    # --- sealing anew ---

    async def _reseal(self, key: WrappedKey) -> int:
        """Seal some of what is under a key anew: how much."""
        old = await self._store.under(key, RESEALED)
        newest, _ = await self._store.newest(key.workspace_id)
        if old.is_empty or not self._vault.can_unwrap(newest):
            return 0
        pairs = [(one, self._anew(key, newest, one)) for one in old.rooms + old.posts + old.files]
        done = [(one, anew) for one, anew in pairs if anew is not None]
        return await self._store.reseal(
            _sealed(key, [one for one, _ in done]), _sealed(newest, [anew for _, anew in done])
        )

    def _anew(
        self, old: WrappedKey, new: WrappedKey, one: SealedRoom | SealedPost | SealedFile
    ) -> SealedRoom | SealedPost | SealedFile | None:
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


def _sealed(key: WrappedKey, some: list[SealedRoom | SealedPost | SealedFile]) -> Sealed:
    return Sealed(
        key=key,
        rooms=tuple(one for one in some if isinstance(one, SealedRoom)),
        posts=tuple(one for one in some if isinstance(one, SealedPost)),
        files=tuple(one for one in some if isinstance(one, SealedFile)),
    )
