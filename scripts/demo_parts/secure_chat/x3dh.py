"""X3DH: a secret with somebody who is away, from the keys that it has published.

Source: the X3DH specification, with X25519 and SHA-256; identity keys are Ed25519, and are
converted for the key agreement.
"""

from base64 import b64decode
from dataclasses import dataclass
from typing import Any

from nacl import bindings

from scripts.demo_parts.protocol import primitives
from scripts.demo_parts.protocol.primitives import HASH_BYTES, KEY_BYTES
from scripts.demo_parts.protocol.refusal import ForgedError
from scripts.demo_parts.secure_chat.keys import Keys, Pair, new_pair, to_base64

_INFO = b"hushwire demo X3DH"
_F = b"\xff" * KEY_BYTES  # section 2.2: so that no input is that of a signature


@dataclass(frozen=True)
class Bundle:
    """What is published of a device; its signed prekey was checked."""

    user_id: str
    device_id: str
    version: int
    identity: bytes
    signed_id: int
    signed: bytes
    one_time_id: int | None
    one_time: bytes


@dataclass(frozen=True)
class Agreed:
    """A secret of two devices, what it is bound to, and what the other one needs to get it."""

    secret: bytes
    bound: bytes
    opening: dict[str, Any]


def read_bundles(answer: dict[str, Any], pinned: bytes | None = None) -> list[Bundle]:
    """All devices of the answer of `GET /api/keys/user/{userId}`.

    Args:
        pinned: The identity key that the user had before; None if this is the first time.

    Raises:
        ForgedError: A signed prekey is not signed by the identity key, or that is another one.
    """
    identity = b64decode(answer["identityPublicKey"])
    if pinned not in (None, identity):
        raise ForgedError("another identity key than before")
    return [_bundle(answer["userId"], identity, device) for device in answer["devices"]]


def _bundle(user_id: str, identity: bytes, device: dict[str, Any]) -> Bundle:
    signed, one_time = device["signedPreKey"], device["oneTimePreKey"]
    key = b64decode(signed["publicKey"])
    primitives.verify(identity, key, b64decode(signed["signature"]))
    return Bundle(
        user_id=user_id,
        device_id=device["deviceId"],
        version=device["keyVersion"],
        identity=identity,
        signed_id=signed["keyId"],
        signed=key,
        one_time_id=one_time["keyId"] if one_time else None,
        one_time=b64decode(one_time["publicKey"]) if one_time else b"",
    )


def begin(keys: Keys, bundle: Bundle) -> Agreed:
    """Agree with a device that may be away."""
    ephemeral = new_pair()
    shared = [
        primitives.shared_secret(_box_secret(keys.seed), bundle.signed),
        primitives.shared_secret(ephemeral.secret, _box_key(bundle.identity)),
        primitives.shared_secret(ephemeral.secret, bundle.signed),
    ]
    if bundle.one_time:
        shared.append(primitives.shared_secret(ephemeral.secret, bundle.one_time))
    opening = {
        "identityPublicKey": to_base64(keys.identity),
        "ephemeralPublicKey": to_base64(ephemeral.public),
        "signedPreKeyId": bundle.signed_id,
        "oneTimePreKeyId": bundle.one_time_id,
    }
    return Agreed(_derived(shared), keys.identity + bundle.identity, opening)


def answer(keys: Keys, opening: dict[str, Any]) -> Agreed:
    """Agree with whoever has begun.

    Raises:
        ForgedError: It began with keys that are not there, or no more.
    """
    identity = b64decode(opening["identityPublicKey"])
    ephemeral = b64decode(opening["ephemeralPublicKey"])
    if opening["signedPreKeyId"] != keys.signed_id:
        raise ForgedError("for a signed prekey that was rotated away")
    shared = [
        primitives.shared_secret(keys.signed.secret, _box_key(identity)),
        primitives.shared_secret(_box_secret(keys.seed), ephemeral),
        primitives.shared_secret(keys.signed.secret, ephemeral),
    ]
    if one_time := _one_time(keys, opening["oneTimePreKeyId"]):
        shared.append(primitives.shared_secret(one_time.secret, ephemeral))
    return Agreed(_derived(shared), identity + keys.identity, opening)


def _one_time(keys: Keys, key_id: int | None) -> Pair | None:
    try:
        return None if key_id is None else keys.take_one_time(key_id)
    except KeyError:
        raise ForgedError("for a one-time prekey that was used before") from None


def _derived(shared: list[bytes]) -> bytes:
    return primitives.hkdf(_F + b"".join(shared), bytes(HASH_BYTES), _INFO, KEY_BYTES)


def _box_key(identity: bytes) -> bytes:
    return bindings.crypto_sign_ed25519_pk_to_curve25519(identity)


def _box_secret(seed: bytes) -> bytes:
    _, signing_key = bindings.crypto_sign_seed_keypair(seed)
    return bindings.crypto_sign_ed25519_sk_to_curve25519(signing_key)
