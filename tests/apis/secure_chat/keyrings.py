"""Keys of devices in the words of the contract."""

from base64 import b64encode
from collections.abc import Iterable
from typing import Any

from nacl.signing import SigningKey


def base64(data: bytes) -> str:
    return b64encode(data).decode()


def public_key(number: int) -> bytes:
    return number.to_bytes(32, "big")


def numbered(key_ids: Iterable[int]) -> list[dict[str, Any]]:
    """One-time prekeys of these ids."""
    return [{"keyId": one, "publicKey": base64(public_key(1_000 + one))} for one in key_ids]


class Keyring:
    """What a client has made."""

    def __init__(self, number: int = 1) -> None:
        self._identity = SigningKey(public_key(number))

    @property
    def identity(self) -> str:
        return base64(bytes(self._identity.verify_key))

    def signed(self, key_id: int = 1) -> dict[str, Any]:
        of = public_key(100 + key_id)
        signature = self._identity.sign(of).signature
        return {"keyId": key_id, "publicKey": base64(of), "signature": base64(signature)}

    def first(self, prekeys: int = 0, **changed: Any) -> dict[str, Any]:
        """The first keys of a device."""
        return {
            "publicKey": base64(public_key(7)),
            "identityPublicKey": self.identity,
            "signedPreKey": self.signed(),
            "preKeys": numbered(range(prekeys)),
            **changed,
        }


KEYS = Keyring()
