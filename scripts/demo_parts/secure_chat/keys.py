"""What a device keeps secret, and what it publishes of it."""

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from scripts.demo_parts.protocol import primitives
from scripts.demo_parts.protocol.primitives import KEY_BYTES

ONE_TIME = 25


def to_base64(data: bytes) -> str:
    return b64encode(data).decode()


@dataclass(frozen=True)
class Pair:
    """An X25519 key pair."""

    secret: bytes
    public: bytes


def new_pair() -> Pair:
    secret = primitives.random(KEY_BYTES)
    return Pair(secret, primitives.box_key_of(secret))


class Keys:
    """Of one device.

    Args:
        one_time: How many one-time prekeys it makes at a time.

    Attributes:
        seed: Of the account's identity key, Ed25519, which all of its devices share.
        device, signed: The device's key, and its signed prekey, of the number `signed_id`.
    """

    def __init__(self, seed: bytes, one_time: int = ONE_TIME) -> None:
        self.seed = seed
        self._count = one_time
        self.signed_id = 0
        self._one_time: dict[int, Pair] = {}
        self._next_id = 1
        self._former: list[bytes] = []
        self.renew()

    @property
    def identity(self) -> bytes:
        return primitives.sign_key_of(self.seed)

    def renew(self) -> None:
        """Make all keys anew but the identity's; what was encrypted for the others is lost."""
        self._former += self._own_secrets() if self.signed_id else []
        self.signed_id += 1
        self.device, self.signed = new_pair(), new_pair()
        self._one_time = {self._next_id + n: new_pair() for n in range(self._count)}
        self._next_id += self._count

    def published(self) -> dict[str, Any]:
        """For registration and rotation."""
        return {
            "publicKey": to_base64(self.device.public),
            "signedPreKey": {
                "keyId": self.signed_id,
                "publicKey": to_base64(self.signed.public),
                "signature": to_base64(primitives.sign(self.seed, self.signed.public)),
            },
            "preKeys": [
                {"keyId": key_id, "publicKey": to_base64(pair.public)}
                for key_id, pair in self._one_time.items()
            ],
        }

    def take_one_time(self, key_id: int) -> Pair:
        """Use a one-time prekey, which is then forgotten.

        Raises:
            KeyError: There is none, or it was used.
        """
        pair = self._one_time.pop(key_id)
        self._former.append(pair.secret)
        return pair

    def secrets(self) -> Iterator[bytes]:
        """All that were ever there."""
        yield self.seed
        yield from self._own_secrets()
        yield from self._former

    def _own_secrets(self) -> list[bytes]:
        one_time = (pair.secret for pair in self._one_time.values())
        return [self.device.secret, self.signed.secret, *one_time]
