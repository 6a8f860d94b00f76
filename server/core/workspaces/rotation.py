"""Keys of workspaces are changed, and what was sealed under the old ones is sealed anew."""

import logging
from collections import Counter

from msgspec import Struct

from server.core.errors import AppError, Code
from server.core.ids import WorkspaceId
from server.core.parts import Parts
from server.core.ports.keys import KeyStore
from server.core.workspaces.resealing import Resealing
from server.core.workspaces.vault import Vault, of_workspace

DAY_MS = 24 * 3_600_000

AGE_MS = 90 * DAY_MS
"""So old a key is when it is changed."""

KEPT_MS = DAY_MS
"""So long an old one is kept at least: somebody may be sealing under it. See also `under_a_key`."""

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
        self._resealing = Resealing(store, vault)
        self._looks_ms = 0
        self._ages_ms = 0
        self._closed: set[WorkspaceId] = set()  # whose keys cannot be opened

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
        whole = [one for one in known if self._vault.opens(one)]  # of others the log says so
        rewrapped = [one for key in whole if (one := self._vault.rewrapped(key))]
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
        try:
            if await self._resealing.go_on(await self._store.retired(), now_ms):
                self._looks_ms = now_ms  # there may be more
                return
        finally:
            if self._looks_ms > now_ms:  # what cannot be sealed anew keeps no other key
                await self._store.end(now_ms - KEPT_MS)

    async def _rotate_aged(self, now_ms: int) -> None:
        found = await self._store.aged(now_ms - AGE_MS, AGED + len(self._closed))
        for workspace_id in (one for one in found if one not in self._closed):
            try:
                await self.rotate(workspace_id)
            except AppError as error:
                if error.code is Code.UNAVAILABLE:
                    raise
                if error.code is Code.INTERNAL:
                    self._closed.add(workspace_id)  # those that come after it have their turn
                log.warning("key_not_rotated", extra={"code": error.code.word})
