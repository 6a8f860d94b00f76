"""Keys of workspaces, and the master keys under which they are kept."""

import hashlib
import hmac
from collections.abc import Mapping, Sequence

from nacl.bindings import (
    crypto_aead_xchacha20poly1305_ietf_decrypt,
    crypto_aead_xchacha20poly1305_ietf_encrypt,
)
from nacl.exceptions import CryptoError
from nacl.utils import random

from server.core.ids import WorkspaceId
from server.core.workspaces.values import WrappedKey

KEY_BYTES, NONCE_BYTES, TAG_BYTES = 32, 24, 16

FORMAT = "hushwire/at-rest/1"


class KeyRing:
    """The master keys of an installation, under which workspaces' keys are wrapped.

    Args:
        keys: Of 32 bytes each. The first wraps, all unwrap, so that one can follow another.
    """

    def __init__(self, keys: Sequence[bytes]) -> None:
        if not keys or any(len(key) != KEY_BYTES for key in keys):
            raise ValueError(f"must be keys of {KEY_BYTES} bytes")
        self._keys: Mapping[bytes, bytes] = {_name_of(key): key for key in keys}
        self._newest = _name_of(keys[0])

    def wrap(self, key: bytes, workspace_id: WorkspaceId, version: int) -> WrappedKey:
        """Put the key of a workspace into a box under the newest master key."""
        box = seal(self._keys[self._newest], _place(workspace_id, version), key)
        return WrappedKey(
            workspace_id=workspace_id, version=version, wrapped=box, wrapped_by=self._newest
        )

    def unwrap(self, key: WrappedKey) -> bytes:
        """The key of a workspace.

        Raises:
            KeyError: None of these is the master key that it is wrapped under.
            CryptoError: It is not what was wrapped for this workspace and version.
        """
        return unseal(
            self._keys[key.wrapped_by], _place(key.workspace_id, key.version), key.wrapped
        )

    def has(self, name: bytes) -> bool:
        """Whether there is a master key of this name."""
        return name in self._keys

    def is_newest(self, key: WrappedKey) -> bool:
        """Whether a key is wrapped as it would be now."""
        return key.wrapped_by == self._newest


def seal(key: bytes, context: bytes, plain: bytes) -> bytes:
    """A box that opens in this context alone: nonce, then XChaCha20-Poly1305."""
    nonce = random(NONCE_BYTES)
    return nonce + crypto_aead_xchacha20poly1305_ietf_encrypt(plain, context, nonce, key)


def unseal(key: bytes, context: bytes, box: bytes) -> bytes:
    """What is in a box.

    Raises:
        CryptoError: It was sealed in another context, under another key, or was changed.
    """
    if len(box) < NONCE_BYTES + TAG_BYTES:
        raise CryptoError("too short for a box")
    nonce, sealed = box[:NONCE_BYTES], box[NONCE_BYTES:]
    return crypto_aead_xchacha20poly1305_ietf_decrypt(sealed, context, nonce, key)


def derived(key: bytes, purpose: str) -> bytes:
    """A key for one purpose: HKDF with SHA-256 (RFC 5869), of as many bytes as its hash."""
    salted = hmac.digest(FORMAT.encode(), key, hashlib.sha256)
    return hmac.digest(salted, purpose.encode() + b"\1", hashlib.sha256)


def context(*names: str) -> bytes:
    """What a box is bound to, so that no two lists of names are the same bytes."""
    encoded = (name.encode() for name in (FORMAT, *names))
    return b"".join(len(name).to_bytes(4, "big") + name for name in encoded)


def _place(workspace_id: WorkspaceId, version: int) -> bytes:
    return context("workspace key", workspace_id, str(version))


def _name_of(key: bytes) -> bytes:
    return hashlib.sha256(b"hushwire master key" + key).digest()[:8]
