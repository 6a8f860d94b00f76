"""End-to-end encryption, real and kept simple: the relay can read nothing of what is made here.

A link    holds the session's id and key, which the server gets, and a secret, which it never
          gets: in a browser it stands after the `#`, and people hand the link on themselves.
A name    (of a person, or of a file in a notice) is encrypted with XChaCha20-Poly1305 under
          the link's secret.
A member  has an X25519 key for sealing and an Ed25519 key for signing. A keyed BLAKE2b under
          the link's secret comes with them, so that the relay cannot slip in keys of its own.
A message is encrypted once under a key of its own (XChaCha20-Poly1305). That key is sealed
          to each recipient: X25519 between an ephemeral key and the recipient's, whose
          result encrypts it (XChaCha20-Poly1305). The sender signs all of it (Ed25519).
          Session, sender, addressee, id and type are bound to every part as context, so
          that the relay cannot pass a message off as another.
A file    is encrypted in chunks under a key of its own, each bound to its place. Key and
          SHA-256 go in a message.

What a product needs beyond this: keys that are derived from the link and replaced as the
conversation goes on (whoever steals a member's X25519 key here can open old messages), and
padding (lengths show). The full protocol comes with the built-in browser client.
"""

import json
from base64 import b64decode, b64encode
from dataclasses import dataclass
from typing import Any

from nacl.encoding import RawEncoder
from nacl.hash import blake2b
from nacl.public import Box, PrivateKey, PublicKey
from nacl.secret import Aead
from nacl.signing import SigningKey, VerifyKey
from nacl.utils import random

KEY_BYTES = 32


@dataclass(frozen=True)
class Link:
    """What one person hands to the other, outside of the relay."""

    session_id: str
    auth_key: str
    secret: bytes

    def seal_name(self, name: str) -> str:
        return _text(Aead(self.secret).encrypt(name.encode(), self.session_id.encode()))

    def open_name(self, sealed: str) -> str:
        return Aead(self.secret).decrypt(b64decode(sealed), self.session_id.encode()).decode()

    def prove(self, *parts: str) -> str:
        """A proof that these words come from somebody who has the link."""
        words = context(self.session_id, *parts)
        return _text(blake2b(words, key=self.secret, encoder=RawEncoder))


@dataclass(frozen=True)
class PublicKeys:
    """What others need of a member, to seal for it and to check its signatures."""

    x25519: PublicKey
    ed25519: VerifyKey


class Keys:
    """The private keys of one member."""

    def __init__(self) -> None:
        self.x25519 = PrivateKey.generate()
        self.ed25519 = SigningKey.generate()

    def private(self) -> list[bytes]:
        return [self.x25519.encode(), self.ed25519.encode()]

    def announce(self, link: Link, user_id: str) -> dict[str, str]:
        """The member's `publicKey` on the wire."""
        x25519 = _text(self.x25519.public_key.encode())
        ed25519 = _text(self.ed25519.verify_key.encode())
        proof = link.prove(user_id, x25519, ed25519)
        return {"x25519": x25519, "ed25519": ed25519, "proof": proof}


def accept(link: Link, user_id: str, announced: dict[str, str]) -> PublicKeys:
    """Take a member's keys off the wire.

    Raises:
        ValueError: They do not come from somebody who has the link.
    """
    x25519, ed25519 = announced["x25519"], announced["ed25519"]
    if announced["proof"] != link.prove(user_id, x25519, ed25519):
        raise ValueError(f"the keys of {user_id} are not proved")
    return PublicKeys(PublicKey(b64decode(x25519)), VerifyKey(b64decode(ed25519)))


def context(*parts: str) -> bytes:
    """What a ciphertext belongs to, without two readings."""
    return json.dumps(parts).encode()


# --- messages ---


def seal_message(
    plaintext: str, about: bytes, sender: Keys, recipients: dict[str, PublicKeys]
) -> dict[str, Any]:
    """A message's `encrypted` on the wire: the body, its key for each recipient, a signature."""
    key = random(KEY_BYTES)
    envelope = {
        "body": _text(Aead(key).encrypt(plaintext.encode(), about)),
        "keys": {
            user_id: _text(_seal_key(key, about, keys.x25519))
            for user_id, keys in recipients.items()
        },
    }
    signature = sender.ed25519.sign(_signed(envelope, about)).signature
    return {**envelope, "signature": _text(signature)}


def open_message(
    encrypted: dict[str, Any], about: bytes, user_id: str, reader: Keys, sender: PublicKeys
) -> str:
    """The plaintext of a message for `user_id`.

    Raises:
        nacl.exceptions.CryptoError: The sender did not write this, or not in this context.
    """
    envelope = {"body": encrypted["body"], "keys": encrypted["keys"]}
    sender.ed25519.verify(_signed(envelope, about), b64decode(encrypted["signature"]))
    key = _open_key(b64decode(encrypted["keys"][user_id]), about, reader.x25519)
    return Aead(key).decrypt(b64decode(encrypted["body"]), about).decode()


def sealed_bytes(encrypted: dict[str, Any]) -> int:
    """The size of a sealed message on the wire."""
    return len(json.dumps(encrypted))


def _seal_key(key: bytes, about: bytes, recipient: PublicKey) -> bytes:
    ephemeral = PrivateKey.generate()
    shared = Box(ephemeral, recipient).shared_key()
    return ephemeral.public_key.encode() + Aead(shared).encrypt(key, about)


def _open_key(sealed: bytes, about: bytes, recipient: PrivateKey) -> bytes:
    ephemeral = PublicKey(sealed[: PublicKey.SIZE])
    shared = Box(recipient, ephemeral).shared_key()
    return Aead(shared).decrypt(sealed[PublicKey.SIZE :], about)


def _signed(envelope: dict[str, Any], about: bytes) -> bytes:
    return about + json.dumps(envelope, sort_keys=True).encode()


# --- files ---


def seal_chunk(chunk: bytes, about: bytes, key: bytes) -> bytes:
    return Aead(key).encrypt(chunk, about)


def open_chunk(sealed: bytes, about: bytes, key: bytes) -> bytes:
    return Aead(key).decrypt(sealed, about)


def _text(data: bytes) -> str:
    return b64encode(data).decode()
