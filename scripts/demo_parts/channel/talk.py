"""Messages of a channel into envelopes and back, for one device: docs/PROTOCOL.md, section 25."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from scripts.demo_parts.channel.keyring import ChannelKeyring
from scripts.demo_parts.protocol.chains import Chain, Place, Seen
from scripts.demo_parts.protocol.channels import (
    PROTOCOL,
    Channel,
    ChannelDevice,
    DeviceIdentity,
    device_member_id,
)
from scripts.demo_parts.protocol.contents import Content, parse, read_content, write_content
from scripts.demo_parts.protocol.envelopes import (
    NO_HASH,
    Envelope,
    Head,
    new_message_id,
    read_envelope,
    write_envelope,
)
from scripts.demo_parts.protocol.epochs import EVERYBODY
from scripts.demo_parts.protocol.refusal import ForgedError, MalformedError

Message = dict[str, Any]
"""As the server tells it."""


class ChannelTalk:
    """What one device knows of one channel.

    Args:
        whoami: The device's secrets, as they are now.

    Attributes:
        missing: How many messages of others are known to be missing.
    """

    def __init__(self, channel: Channel, whoami: Callable[[], DeviceIdentity]) -> None:
        self._channel = channel
        self._whoami = whoami
        self._keyring = ChannelKeyring(channel)
        self._chains: dict[bytes, Chain] = {}
        self._number, self._hash = 0, NO_HASH
        self.missing = 0

    def secrets(self) -> Iterator[bytes]:
        """Keys that leave no device but wrapped."""
        return self._keyring.secrets()

    # --- writing ---

    def seal(
        self, content: Content, devices: Sequence[ChannelDevice], key_epoch: int, now_ms: int
    ) -> Envelope:
        """Make the next message; the one before was settled, or goes nowhere."""
        me, number = self._whoami(), self._number + 1
        own = self._keyring.for_next(me, devices, key_epoch, number, now_ms)
        head = Head(
            self._channel.session_id,
            new_message_id(),
            content.kind,
            own.epoch.tag,
            number,
            self._hash,
            now_ms,
            own.keys,
        )
        return write_envelope(me, own.epoch, head, write_content(content))

    def settle(self, envelope: Envelope) -> None:
        """Note that the server has it: its number is used up."""
        self._number, self._hash = envelope.head.number, envelope.hash
        self._keyring.settle()

    def fields(self, envelope: Envelope, devices: Sequence[ChannelDevice]) -> Message:
        """What is sent of a message, besides where to."""
        me = self._whoami()
        return {
            "clientMessageId": envelope.head.message_id,
            "content": envelope.text,
            "encryptionMetadata": {
                "protocol": PROTOCOL,
                "senderDeviceId": me.device_id,
                "encryptedKeys": [
                    {"recipientId": one.user_id, "recipientDeviceId": one.device_id}
                    for one in devices
                ],
            },
        }

    # --- reading ---

    def open(self, message: Message, identity_key: bytes) -> Content:
        """What a message says.

        Args:
            identity_key: The pinned one of the account that the server says it is of.

        Raises:
            RefusedError: It is not of that account, not new, or not for this device.
        """
        envelope = self._authentic(message, identity_key)
        head = envelope.head
        readable = self._keyring.learn(self._whoami(), head)
        self._take(envelope, readable.since if readable else 0)
        if readable is None:
            raise ForgedError("no key of it is for this device")
        return read_content(head.kind, parse(envelope.open(self._channel, readable.epoch)))

    def _authentic(self, message: Message, identity_key: bytes) -> Envelope:
        metadata = message.get("encryptionMetadata") or {}
        if metadata.get("protocol") != PROTOCOL:
            raise MalformedError("not of this protocol")
        device_id = str(metadata.get("senderDeviceId"))
        sender = device_member_id(identity_key, str(message["userId"]), device_id)
        envelope = read_envelope(message["content"])
        envelope.check(self._channel, sender, EVERYBODY, message["id"])
        envelope.check_signature(identity_key)
        return envelope

    def _take(self, envelope: Envelope, since: int) -> None:
        head = envelope.head
        chain = self._chains.setdefault(head.tag.sender, Chain())
        place, missing = chain.take(head.number, Seen(envelope.hash, head.previous), since)
        self.missing += missing
        if place in (Place.FORKED, Place.REPEATED):
            raise ForgedError(f"{place}: another message stands at its place")
