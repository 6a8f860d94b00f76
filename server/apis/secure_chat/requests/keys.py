"""What clients may ask about keys."""

from typing import Annotated

from msgspec import Meta, Struct

from server.core.device_keys import OfferedKeys, OfferedPrekey, OfferedRotation
from server.core.ids import DeviceId, UserId
from server.core.ports.device_keys import IdentityType, Prekey
from server.transports.api import Token

PublicKey = Annotated[bytes, Meta(min_length=32, max_length=32)]
"""On the wire 44 characters of base64."""

Signature = Annotated[bytes, Meta(min_length=64, max_length=64)]
"""On the wire 88 characters of base64."""

KeyId = Annotated[int, Meta(ge=0, le=2**53 - 1)]


class SignedPreKey(Struct, frozen=True, rename="camel"):
    key_id: KeyId
    public_key: PublicKey
    signature: Signature

    def offered(self) -> OfferedPrekey:
        return OfferedPrekey(self.key_id, self.public_key, self.signature)


class PreKey(Struct, frozen=True, rename="camel"):
    key_id: KeyId
    public_key: PublicKey


PreKeys = Annotated[tuple[PreKey, ...], Meta(max_length=500)]


class Register(Struct, frozen=True, rename="camel", kw_only=True):
    device_id: DeviceId
    public_key: PublicKey
    identity_public_key: PublicKey
    identity_key_type: IdentityType | None = None
    signed_pre_key: SignedPreKey
    pre_keys: PreKeys = ()
    registration_token: Token | None = None

    def offered(self) -> OfferedKeys:
        return OfferedKeys(
            identity_key=self.identity_public_key,
            identity_type=self.identity_key_type,
            public_key=self.public_key,
            signed_prekey=self.signed_pre_key.offered(),
            prekeys=prekeys(self.pre_keys),
        )


class OfUser(Struct, frozen=True, rename="camel"):
    user_id: UserId


class OfDevice(Struct, frozen=True, rename="camel", kw_only=True):
    """The device is the one that asks, whatever the payload says it is."""

    device_id: DeviceId | None = None


class Rotate(OfDevice, frozen=True, kw_only=True):
    public_key: PublicKey | None = None
    identity_public_key: PublicKey | None = None
    signed_pre_key: SignedPreKey
    pre_keys: PreKeys | None = None

    def offered(self) -> OfferedRotation:
        return OfferedRotation(
            identity_key=self.identity_public_key,
            public_key=self.public_key,
            signed_prekey=self.signed_pre_key.offered(),
            prekeys=None if self.pre_keys is None else prekeys(self.pre_keys),
        )


class AddPreKeys(OfDevice, frozen=True, kw_only=True):
    pre_keys: PreKeys


def prekeys(sent: tuple[PreKey, ...]) -> tuple[Prekey, ...]:
    return tuple(Prekey(one.key_id, one.public_key) for one in sent)
