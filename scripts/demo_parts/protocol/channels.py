"""Channels: what stands for a session's link and for its members where both are of an account."""

from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha512

from scripts.demo_parts.protocol.cards import check_keys
from scripts.demo_parts.protocol.epochs import Tag, Unwrapped, Wraps, unwrap
from scripts.demo_parts.protocol.identity import Identity
from scripts.demo_parts.protocol.link import MEMBER_ID_BYTES, SESSION_ID_BYTES
from scripts.demo_parts.protocol.packing import pack
from scripts.demo_parts.protocol.primitives import KEY_BYTES, digest
from scripts.demo_parts.protocol.refusal import ForgedError
from scripts.demo_parts.protocol.safety import digits_of

PROTOCOL = "hushwire/1/channel"
"""What the metadata of its messages say."""

_LABEL = b"hushwire/1/channel/"
_NO_KEY = bytes(KEY_BYTES)


@dataclass(frozen=True)
class Channel:
    """An opaque conversation. There is no link, and so no secret that all of its members have."""

    conversation_id: str

    @cached_property
    def session_id(self) -> bytes:
        return digest(self.conversation_id.encode())[:SESSION_ID_BYTES]

    @property
    def link_key(self) -> bytes:
        return _NO_KEY


@dataclass(frozen=True)
class ChannelDevice:
    """A device of somebody, by what it has published.

    Attributes:
        identity_key: Of its account, Ed25519: all of its devices sign with it.
        box_key: Its signed prekey, X25519, which it may change.
    """

    user_id: str
    device_id: str
    identity_key: bytes
    box_key: bytes

    @cached_property
    def member_id(self) -> bytes:
        return device_member_id(self.identity_key, self.user_id, self.device_id)

    def check(self) -> None:
        """Refuse keys with which it could hold up others.

        Raises:
            MalformedError, ForgedError: As `check_keys`.
        """
        check_keys(self.identity_key, self.box_key)


@dataclass(frozen=True)
class DeviceIdentity(Identity):
    """The secrets of a device: the account's seed, and that of its signed prekey."""

    account_id: str
    device_id: str

    @cached_property
    def member_id(self) -> bytes:
        return device_member_id(self.sign_key, self.account_id, self.device_id)


def device_member_id(identity_key: bytes, user_id: str, device_id: str) -> bytes:
    """Which device this is: it stays when its prekeys change."""
    packed = pack(_LABEL + b"member", identity_key, user_id.encode(), device_id.encode())
    return digest(packed)[:MEMBER_ID_BYTES]


def unwrap_by_any(
    channel: Channel, device: DeviceIdentity, former: list[bytes], tag: Tag, wraps: Wraps
) -> Unwrapped | None:
    """Open the key that is wrapped for a device, by its newest signed prekey or a former one.

    Args:
        former: Secrets of signed prekeys that it had before.

    Raises:
        MalformedError, ForgedError: As `unwrap`, if none of them opens it.
    """
    for box_secret in [device.box_secret, *former]:
        try:
            return unwrap(channel, replace(device, box_secret=box_secret), tag, wraps)
        except ForgedError as error:
            refused = error
    raise refused


def account_number(one: bytes, other: bytes) -> list[str]:
    """What two people compare, by the identity keys of their accounts."""
    made = pack(_LABEL + b"safety", *sorted((one, other)))
    return digits_of(sha512(made).digest())
