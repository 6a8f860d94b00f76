"""What one device has agreed on with others: messages into ciphertext and back.

Each message has a key of its own, which is sealed for each device with the next key of the chain
that the two have. A chain goes one way, and forgets: who takes a device later cannot read what
it had read before. (The Double Ratchet of Signal would heal the other way round as well.)
"""

from base64 import b64decode
from dataclasses import dataclass, field
from typing import Any

from scripts.demo_parts.protocol import primitives
from scripts.demo_parts.protocol.primitives import KEY_BYTES, NONCE_BYTES
from scripts.demo_parts.protocol.refusal import ForgedError
from scripts.demo_parts.secure_chat.keys import Keys, to_base64
from scripts.demo_parts.secure_chat.x3dh import Agreed, Bundle, answer, begin

Peer = tuple[str, str]
"""A user, and a device of theirs."""

ALGORITHM = "XChaCha20-Poly1305"

MAX_SKIPPED = 100
"""Messages of one chain that did not come."""


class Chain:
    """Keys in one direction: of each the next can be made, and not the one before."""

    def __init__(self, secret: bytes, sender: Peer) -> None:
        self.number = 0
        self._state = primitives.mac(secret, "\0".join(sender).encode())

    def key_of(self, number: int) -> bytes:
        """The key of a message; those before it are forgotten, and it is, too.

        Raises:
            ForgedError: It was forgotten, or is too far ahead.
        """
        if not self.number < number <= self.number + MAX_SKIPPED:
            raise ForgedError("of a place in its chain where no message can be")
        while self.number < number:
            key = primitives.mac(self._state, b"key")
            self._state = primitives.mac(self._state, b"state")
            self.number += 1
        return key


@dataclass
class Session:
    """With one device."""

    bound: bytes
    sending: Chain
    receiving: Chain
    opening: dict[str, Any]
    """What the one who did not begin needs to agree as well."""

    has_heard: bool = False


@dataclass
class Sessions:
    """Of one device.

    Attributes:
        made: Every secret that was agreed on or drawn, for the search.
    """

    keys: Keys
    user_id: str
    device_id: str
    made: list[bytes] = field(default_factory=list)
    _with: dict[Peer, Session] = field(default_factory=dict)
    _versions: dict[Peer, int] = field(default_factory=dict)

    def forget(self) -> None:
        """Agree anew with everybody, as after a rotation."""
        self._with.clear()

    def agree(self, bundle: Bundle) -> Peer:
        """Agree with a device by what it has published, unless that was done since it rotated."""
        peer = bundle.user_id, bundle.device_id
        if peer not in self._with or self._versions.get(peer, bundle.version) != bundle.version:
            self._add(peer, begin(self.keys, bundle))
        self._versions[peer] = bundle.version
        return peer

    def encrypt(self, message_id: str, text: str, peers: list[Peer]) -> dict[str, Any]:
        """What is sent of a message: fields of `POST /api/messages/send`."""
        key, nonce = primitives.random(KEY_BYTES), primitives.random(NONCE_BYTES)
        self.made.append(key)
        bound = f"{message_id} {self.user_id} {self.device_id}".encode()
        return {
            "messageId": message_id,
            "encryptedContent": to_base64(primitives.seal(key, nonce, bound, text.encode())),
            "encryptionMetadata": {
                "algorithm": ALGORITHM,
                "nonce": to_base64(nonce),
                "keyVersion": self.keys.signed_id,
                "encryptedKeys": [self._key_for(peer, key) for peer in peers],
            },
        }

    def decrypt(self, message: dict[str, Any]) -> str:
        """The text of a message as the server gives it.

        Raises:
            ForgedError: It is not for this device, or was changed.
        """
        metadata, sender = message["encryptionMetadata"], message["senderId"]
        entry = self._own_entry(metadata["encryptedKeys"])
        peer = sender, message["senderDeviceId"]
        session = self._with.get(peer)
        opening = entry.get("opening")
        if opening and not (session and session.opening == opening):
            session = self._add(peer, answer(self.keys, opening))
        if session is None:
            raise ForgedError("of a device with which nothing was agreed on")
        wrapped = b64decode(entry["encryptedKey"])
        chain_key = session.receiving.key_of(entry["number"])
        key = primitives.unseal_with_nonce(chain_key, session.bound, wrapped)
        session.has_heard = True
        bound = f"{message['messageId']} {sender} {peer[1]}".encode()
        ciphertext, nonce = b64decode(message["encryptedContent"]), b64decode(metadata["nonce"])
        return primitives.unseal(key, nonce, bound, ciphertext).decode()

    def _own_entry(self, entries: list[dict[str, Any]]) -> dict[str, Any]:
        for one in entries:
            if (one["recipientId"], one["recipientDeviceId"]) == (self.user_id, self.device_id):
                return one
        raise ForgedError("it has no key for this device")

    def _key_for(self, peer: Peer, key: bytes) -> dict[str, Any]:
        session = self._with[peer]
        number = session.sending.number + 1
        wrapped = primitives.seal_with_nonce(session.sending.key_of(number), session.bound, key)
        entry = {
            "recipientId": peer[0],
            "recipientDeviceId": peer[1],
            "encryptedKey": to_base64(wrapped),
            "number": number,
        }
        return entry if session.has_heard else {**entry, "opening": session.opening}

    def _add(self, peer: Peer, agreed: Agreed) -> Session:
        self.made.append(agreed.secret)
        own = self.user_id, self.device_id
        sending, receiving = (Chain(agreed.secret, sender) for sender in (own, peer))
        session = Session(agreed.bound, sending, receiving, agreed.opening)
        self._with[peer] = session
        return session
