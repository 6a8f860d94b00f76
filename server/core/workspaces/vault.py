"""Content that is sealed before a store or a broker sees it, and opened after.

So databases, their logs, copies of them and Redis hold no text of anybody, and stores know no keys.
Each box is bound to its place: in another room, under another id or as another edit it does not
open.
"""

import hashlib
import hmac
import logging
from base64 import b64decode, b64encode, urlsafe_b64encode
from functools import lru_cache

from msgspec import Struct
from nacl.exceptions import CryptoError
from nacl.utils import random

from server.core.errors import AppError, Code
from server.core.ids import FileId, MessageId, RoomId, WorkspaceId
from server.core.workspaces.keys import (
    KEY_BYTES,
    KeyRing,
    context,
    derived,
    seal,
    unseal,
)
from server.core.workspaces.values import WrappedKey
from server.core.workspaces.words import words

MAX_KEYS = 10_000
"""That are held unwrapped."""

TOKEN_BYTES = 8
"""Of a word's hash: what is found by it is opened and looked at again."""

log = logging.getLogger("hushwire.vault")


class _Keys(Struct, frozen=True):
    """What is made of one key of a workspace, a key for each purpose."""

    content: bytes
    words: bytes
    files: bytes


class Vault:
    """Seals and opens what workspaces keep, each under its own keys."""

    def __init__(self, master: KeyRing) -> None:
        self._master = master
        self._keys = lru_cache(MAX_KEYS)(self._derive)

    def new_key(self, workspace_id: WorkspaceId, version: int) -> WrappedKey:
        """A key for what a workspace keeps from now on."""
        return self._master.wrap(random(KEY_BYTES), workspace_id, version)

    def rewrapped(self, key: WrappedKey) -> WrappedKey | None:
        """The same key under the newest master key; None if it is under that already.

        Raises:
            AppError: INTERNAL if it cannot be unwrapped.
        """
        if self._master.is_newest(key):
            return None
        return self._master.wrap(self._unwrapped(key), key.workspace_id, key.version)

    def seal(self, key: WrappedKey, context: bytes, plain: bytes) -> str:
        """A box that opens under this key and in this context alone, in base64."""
        return b64encode(seal(self._keys(key).content, context, plain)).decode()

    def open(self, key: WrappedKey, context: bytes, sealed: str) -> bytes:
        """What is in a box.

        Raises:
            AppError: INTERNAL if it was sealed for another place, or has been changed.
        """
        plain = self.read(key, context, sealed)
        if plain is None:
            raise _lost()
        return plain

    def read(self, key: WrappedKey, context: bytes, sealed: str) -> bytes | None:
        """What is in a box; None if it is damaged, which the log says: others can be read still.

        Raises:
            AppError: INTERNAL if the key cannot be had, so that no box can be opened.
        """
        keys = self._keys(key)
        try:
            return unseal(keys.content, context, b64decode(sealed, validate=True))
        except (CryptoError, ValueError):
            _note_damage("box", key)
            return None

    def resealed(self, old: WrappedKey, new: WrappedKey, context: bytes, sealed: str) -> str:
        """What is in a box, in one under another key.

        Raises:
            AppError: INTERNAL, as `open`.
        """
        return self.seal(new, context, self.open(old, context, sealed))

    def can_unwrap(self, key: WrappedKey) -> bool:
        """Whether the master key is known that a key is wrapped under."""
        return self.has_master(key.wrapped_by)

    def opens(self, *keys: WrappedKey) -> bool:
        """Whether all of these are whole; else the log says which is not."""
        try:
            for key in keys:
                self._keys(key)
        except AppError:
            return False
        return True

    def has_master(self, name: bytes) -> bool:
        """Whether a master key is known."""
        return self._master.has(name)

    def wrap_file_key(self, key: WrappedKey, context: bytes, file_key: bytes) -> bytes:
        """The key of one file in a box."""
        return seal(self._keys(key).files, context, file_key)

    def unwrap_file_key(self, key: WrappedKey, context: bytes, wrapped: bytes) -> bytes:
        """The key of one file.

        Raises:
            AppError: INTERNAL, as `open`.
        """
        try:
            return unseal(self._keys(key).files, context, wrapped)
        except CryptoError:
            raise _damaged("file_key", key) from None

    def tokens(self, key: WrappedKey, text: str) -> tuple[str, ...]:
        """Of each word of a text a hash that nobody can make without the key.

        Equal words have equal hashes under one key, and no relation under another.
        """
        of_words = self._keys(key).words
        return tuple(_token(of_words, word) for word in words(text))

    def _derive(self, key: WrappedKey) -> _Keys:
        plain = self._unwrapped(key)
        return _Keys(*(derived(plain, purpose) for purpose in _Keys.__struct_fields__))

    def _unwrapped(self, key: WrappedKey) -> bytes:
        try:
            return self._master.unwrap(key)
        except KeyError:
            raise _damaged("master_key", key) from None
        except CryptoError:
            raise _damaged("workspace_key", key) from None


def of_message(
    workspace_id: WorkspaceId, room_id: RoomId, message_id: MessageId, edits: int
) -> bytes:
    """The context of what a message says, as it is after so many edits."""
    return context("message", workspace_id, room_id, message_id, str(edits))


def of_room(workspace_id: WorkspaceId, room_id: RoomId, field: str) -> bytes:
    """The context of a room's name, its description, or its icon."""
    return context("room", workspace_id, room_id, field)


def of_workspace(workspace_id: WorkspaceId) -> bytes:
    """The context of a workspace's name."""
    return context("workspace", workspace_id)


def of_file(workspace_id: WorkspaceId, room_id: RoomId, file_id: FileId, part: str) -> bytes:
    """The context of a file's key, or of what it is called."""
    return context("file", workspace_id, room_id, file_id, part)


def _token(key: bytes, word: str) -> str:
    digest = hmac.digest(key, word.encode(), hashlib.sha256)[:TOKEN_BYTES]
    return urlsafe_b64encode(digest).decode().rstrip("=")


def _damaged(what: str, key: WrappedKey) -> AppError:
    _note_damage(what, key)
    return _lost()


def _note_damage(what: str, key: WrappedKey) -> None:
    """Say in the log what cannot be opened; never what was to be opened."""
    fields = {
        "what": what,
        "workspace": key.workspace_id,
        "version": key.version,
        "master_key": key.wrapped_by.hex(),
    }
    log.error("not_opened", extra={"fields": fields})


def _lost() -> AppError:
    told = "what is kept here cannot be opened; its operator finds the reason in the log"
    return AppError(Code.INTERNAL, told)
