"""What the Python implementation answers on channels; answers.js has the same."""

import json
from collections.abc import Callable
from typing import Any

from scripts.demo_parts.protocol.channels import (
    Channel,
    ChannelDevice,
    DeviceIdentity,
    account_number,
    device_member_id,
)
from scripts.demo_parts.protocol.contents import parse
from scripts.demo_parts.protocol.envelopes import Envelope, Head, read_envelope, write_envelope
from scripts.demo_parts.protocol.epochs import (
    EVERYBODY,
    Tag,
    make_epoch,
    read_keys,
    recipients_of,
    unwrap,
    write_keys,
)
from tests.web.protocol.told import told_of

Args = dict[str, Any]


def _device(args: Args) -> bytes:
    device = _device_of(args)
    device.check()
    return device.member_id


def _make_keys(args: Args) -> Args:
    channel = Channel(args["conversationId"])
    devices = [_device_of(one) for one in args["recipients"]]
    numbers = [one["from"] for one in args["recipients"]]
    since = {one.member_id: number for one, number in zip(devices, numbers, strict=True)}
    sender = _member_id(args["sender"])
    epoch = make_epoch(channel, sender, EVERYBODY, recipients_of(since), args["key"])
    keys = write_keys(channel, epoch, devices, since, args["ephemeralSecret"])
    return {"epochId": epoch.tag.epoch_id, "recipients": epoch.tag.recipients, "keys": keys}


def _open_keys(args: Args) -> Args | None:
    tag = Tag(_member_id(args["sender"]), EVERYBODY, args["recipients"], args["epochId"])
    channel, keys = Channel(args["conversationId"]), read_keys(args["keys"], tag)
    mine = unwrap(channel, _identity_of(args["device"]), tag, keys)
    return {"key": mine.epoch.key, "from": mine.since} if mine else None


def _make_message(args: Args) -> Args:
    channel, me = Channel(args["conversationId"]), _identity_of(args["device"])
    epoch = make_epoch(channel, me.member_id, EVERYBODY, args["recipients"], args["key"])
    head = Head(
        channel.session_id,
        args["messageId"],
        args["kind"],
        epoch.tag,
        args["number"],
        args["previous"],
        args["sentMs"],
        args["keys"],
    )
    content = json.dumps(args["content"], ensure_ascii=False, separators=(",", ":"))
    envelope = write_envelope(me, epoch, head, content.encode(), args["nonce"])
    return {"content": envelope.text, "hash": envelope.hash}


def _authentic(args: Args) -> Envelope:
    message, identity_key = args["message"], args["identityKey"]
    sender = device_member_id(identity_key, message["userId"], message["senderDeviceId"])
    envelope = read_envelope(message["content"])
    envelope.check(Channel(args["conversationId"]), sender, EVERYBODY, message["id"])
    envelope.check_signature(identity_key)
    return envelope


def _read_message(args: Args) -> Args:
    return told_of(_authentic(args))


def _open_message(args: Args) -> object:
    channel, envelope = Channel(args["conversationId"]), _authentic(args)
    tag = envelope.head.tag
    epoch = make_epoch(channel, tag.sender, EVERYBODY, tag.recipients, args["key"])
    return parse(envelope.open(channel, epoch))


def _device_of(args: Args) -> ChannelDevice:
    return ChannelDevice(args["userId"], args["deviceId"], args["identityKey"], args["boxKey"])


def _member_id(args: Args) -> bytes:
    return device_member_id(args["identityKey"], args["userId"], args["deviceId"])


def _identity_of(args: Args) -> DeviceIdentity:
    return DeviceIdentity(args["seed"], args["boxSecret"], args["userId"], args["deviceId"])


OPERATIONS: dict[str, Callable[[Args], Any]] = {
    "channels.place": lambda args: Channel(args["conversationId"]).session_id,
    "channels.device": _device,
    "channels.keys.make": _make_keys,
    "channels.keys.open": _open_keys,
    "channels.message.make": _make_message,
    "channels.message.read": _read_message,
    "channels.message.open": _open_message,
    "channels.safety": lambda args: account_number(args["one"], args["other"]),
}
