"""The keys that one device writes and reads with in a channel: docs/PROTOCOL.md, section 25."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from scripts.demo_parts.client.keyring import EPOCH_MESSAGES, EPOCH_MS
from scripts.demo_parts.protocol.channels import Channel, ChannelDevice, DeviceIdentity
from scripts.demo_parts.protocol.envelopes import Head
from scripts.demo_parts.protocol.epochs import (
    EVERYBODY,
    Epoch,
    make_epoch,
    read_keys,
    recipients_of,
    unwrap,
    write_keys,
)


@dataclass
class Own:
    """The epoch that this device writes under.

    Attributes:
        devices: For whom it is.
        key_epoch: The conversation's when it began.
        keys: What its next message carries; nothing once the server has one that does.
    """

    epoch: Epoch
    devices: frozenset[ChannelDevice]
    key_epoch: int
    keys: bytes
    made_ms: int
    used: int = 0


@dataclass(frozen=True)
class Readable:
    """An epoch that this device can read, and the first number of it that is meant for it."""

    epoch: Epoch
    since: int


class ChannelKeyring:
    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._own: Own | None = None
        self._since: dict[bytes, int] = {}
        self._readable: dict[bytes, Readable] = {}

    def secrets(self) -> Iterator[bytes]:
        """Every key that it ever had."""
        return (one.epoch.key for one in self._readable.values())

    def for_next(
        self,
        me: DeviceIdentity,
        devices: Sequence[ChannelDevice],
        key_epoch: int,
        number: int,
        now_ms: int,
    ) -> Own:
        """The epoch of the next message: a new one for other devices or keys, or in time.

        Args:
            devices: All that shall read it, this one too.
            key_epoch: The conversation's, which rises when somebody comes or goes.
        """
        own = self._own
        if (
            own
            and (own.devices, own.key_epoch) == (frozenset(devices), key_epoch)
            and own.used < EPOCH_MESSAGES
            and now_ms - own.made_ms < EPOCH_MS
        ):
            return own
        return self._begin(me, devices, key_epoch, number, now_ms)

    def settle(self) -> None:
        """Note that the server has a message of the epoch in use: its keys need not go again."""
        assert self._own
        self._own.keys = b""
        self._own.used += 1

    def learn(self, me: DeviceIdentity, head: Head) -> Readable | None:
        """What opens a message: an epoch that is known, or that its keys make known.

        Raises:
            RefusedError: Its keys are no keys.
        """
        if head.keys:
            opened = unwrap(self._channel, me, head.tag, read_keys(head.keys, head.tag))
            if opened:
                self._readable.setdefault(head.tag.epoch_id, Readable(opened.epoch, opened.since))
        return self._readable.get(head.tag.epoch_id)

    def _begin(
        self,
        me: DeviceIdentity,
        devices: Sequence[ChannelDevice],
        key_epoch: int,
        number: int,
        now_ms: int,
    ) -> Own:
        self._since = {one.member_id: self._since.get(one.member_id, number) for one in devices}
        epoch = make_epoch(self._channel, me.member_id, EVERYBODY, recipients_of(self._since))
        keys = write_keys(self._channel, epoch, devices, self._since)
        self._own = Own(epoch, frozenset(devices), key_epoch, keys, now_ms)
        self._readable[epoch.tag.epoch_id] = Readable(epoch, self._since[me.member_id])
        return self._own
