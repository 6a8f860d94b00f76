"""The primitives, as the protocol uses them: libsodium's, and HMAC and HKDF of the library."""

import hmac
import secrets
from contextlib import suppress
from hashlib import sha256

from nacl import bindings
from nacl.exceptions import CryptoError

from scripts.demo_parts.protocol.packing import pack
from scripts.demo_parts.protocol.refusal import ForgedError

KEY_BYTES = 32
HASH_BYTES = 32
NONCE_BYTES = 24
SIGNATURE_BYTES = 64
TAG_BYTES = 16

HKDF_LIMIT_BYTES = 255 * HASH_BYTES


def random(size_bytes: int) -> bytes:
    return secrets.token_bytes(size_bytes)


def digest(data: bytes) -> bytes:
    return sha256(data).digest()


def mac(key: bytes, data: bytes) -> bytes:
    return hmac.digest(key, data, "sha256")


def is_same(one: bytes, other: bytes) -> bool:
    """Compare secrets, in a time that does not tell where they differ."""
    return hmac.compare_digest(one, other)


def derive(key: bytes, salt: bytes, label: str, *fields: bytes) -> bytes:
    """Make a key for one purpose: 32 bytes of HKDF-SHA256."""
    return hkdf(key, salt, pack(f"hushwire/1/{label}".encode(), *fields), KEY_BYTES)


def hkdf(key: bytes, salt: bytes, info: bytes, size_bytes: int) -> bytes:
    """HKDF-SHA256 (RFC 5869).

    Raises:
        ValueError: It cannot make so much.
    """
    if size_bytes > HKDF_LIMIT_BYTES:
        raise ValueError(f"HKDF makes at most {HKDF_LIMIT_BYTES} bytes, not {size_bytes}")
    extracted, block, made = mac(salt, key), b"", b""
    for number in range(1, -(-size_bytes // HASH_BYTES) + 1):
        block = mac(extracted, block + info + bytes([number]))
        made += block
    return made[:size_bytes]


# --- secrets shared by two ---


def box_key_of(box_secret: bytes) -> bytes:
    return bindings.crypto_scalarmult_base(box_secret)


def shared_secret(box_secret: bytes, box_key: bytes) -> bytes:
    """X25519.

    Raises:
        ForgedError: the key is of small order, so that everybody knows the result.
    """
    try:
        return bindings.crypto_scalarmult(box_secret, box_key)
    except (CryptoError, RuntimeError):
        raise ForgedError("a box key of small order") from None


# --- sealing ---


def seal(key: bytes, nonce: bytes, bound: bytes, plain: bytes) -> bytes:
    """Encrypt with XChaCha20-Poly1305; `bound` is not in it, but must be the same to open it."""
    return bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(plain, bound, nonce, key)


def unseal(key: bytes, nonce: bytes, bound: bytes, sealed: bytes) -> bytes:
    """Decrypt.

    Raises:
        ForgedError: another key, nonce or context, or somebody changed it.
    """
    if len(sealed) < TAG_BYTES:
        raise ForgedError("shorter than its tag")
    try:
        return bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(sealed, bound, nonce, key)
    except CryptoError:
        raise ForgedError("it does not open") from None


def seal_with_nonce(key: bytes, bound: bytes, plain: bytes, nonce: bytes | None = None) -> bytes:
    """Encrypt under a random nonce, which stands in front."""
    nonce = nonce or random(NONCE_BYTES)
    return nonce + seal(key, nonce, bound, plain)


def unseal_with_nonce(key: bytes, bound: bytes, sealed: bytes) -> bytes:
    """Decrypt what `seal_with_nonce` made.

    Raises:
        ForgedError: As of `unseal`.
    """
    if len(sealed) < NONCE_BYTES:
        raise ForgedError("shorter than its nonce")
    return unseal(key, sealed[:NONCE_BYTES], bound, sealed[NONCE_BYTES:])


# --- signing ---


def sign_key_of(seed: bytes) -> bytes:
    sign_key, _ = bindings.crypto_sign_seed_keypair(seed)
    return sign_key


def sign(seed: bytes, data: bytes) -> bytes:
    """Sign with Ed25519: 64 bytes."""
    _, signing_key = bindings.crypto_sign_seed_keypair(seed)
    return bindings.crypto_sign(data, signing_key)[:SIGNATURE_BYTES]


def is_sign_key(sign_key: bytes) -> bool:
    """Tell whether it is a point of the prime-order group, written in the one right way.

    With other points, libraries differ about what is signed.
    """
    return len(sign_key) == KEY_BYTES and bindings.crypto_core_ed25519_is_valid_point(sign_key)


def verify(sign_key: bytes, data: bytes, signature: bytes) -> None:
    """Believe that the owner of a key signed the data.

    Raises:
        ForgedError: It did not; or the signature is not written in the one right way.
    """
    if len(signature) == SIGNATURE_BYTES and len(sign_key) == KEY_BYTES:
        with suppress(CryptoError):
            bindings.crypto_sign_open(signature + data, sign_key)
            return
    raise ForgedError("the signature is wrong")
