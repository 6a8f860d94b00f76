"""For which devices a message says that it is encrypted: all that is read of its metadata."""

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from server.core.ids import DeviceId, UserId
from server.core.opaque import Opaque
from server.core.ports.conversations import Device

_IdText = Annotated[str, Meta(min_length=1, max_length=128)]


class EncryptedKey(Struct, frozen=True, rename="camel"):
    """Of the key of a message, encrypted for a device, what says for which."""

    recipient_id: _IdText | int
    recipient_device_id: _IdText


class EncryptionMetadata(Struct, frozen=True, rename="camel"):
    """Of the metadata what the server looks at; the rest is relayed as it is."""

    encrypted_keys: list[EncryptedKey] | None = None


def covered_by(metadata: Opaque) -> frozenset[Device] | None:
    """The devices that a message is encrypted for; None if it does not say.

    Raises:
        ValueError: It says so in a form that is none.
    """
    try:
        keys = msgspec.convert(metadata.value, EncryptionMetadata).encrypted_keys
    except msgspec.ValidationError as error:
        raise ValueError(f"encryptionMetadata: {error}") from None
    if keys is None:
        return None
    return frozenset(
        Device(UserId(str(key.recipient_id)), DeviceId(key.recipient_device_id)) for key in keys
    )
