"""What somebody who has left tries, to read on: all that their keys could open."""

from collections.abc import Iterable, Iterator
from contextlib import suppress

from scripts.demo_parts.channel.colleague import Colleague
from scripts.demo_parts.line import RelayError
from scripts.demo_parts.protocol.channels import Channel, DeviceIdentity
from scripts.demo_parts.protocol.envelopes import Envelope, Head, read_envelope
from scripts.demo_parts.protocol.epochs import read_keys
from scripts.demo_parts.protocol.primitives import (
    NONCE_BYTES,
    derive,
    shared_secret,
    unseal,
    unseal_with_nonce,
)
from scripts.demo_parts.protocol.refusal import RefusedError as ForgedOrMalformed
from scripts.demo_parts.secure_chat.device import RefusedError

_NO_NONCE = bytes(NONCE_BYTES)
_FROM_BYTES = 8


async def words_of_the_server(leaver: Colleague, file_id: str) -> set[str]:
    """With which the server refuses all that a member may do; "let in" if it does not."""
    channel_id, ask = leaver.conversation_id, leaver.device.request
    path = f"/chat/conversations/{channel_id}"
    content = {"content": "still here?"}
    tries = (
        ask("GET", path),
        ask("GET", f"{path}/messages"),
        ask("POST", f"{path}/messages", content),
        ask("POST", f"{path}/read", {}),
        leaver.device.fetch(f"/chat/files/{file_id}", 0, 99),
        leaver.ask("join_conversation", conversationId=channel_id),
        leaver.ask("send_message", conversationId=channel_id, **content),
    )
    words = set()
    for one in tries:
        try:
            await one
            words.add("let in")
        except (RefusedError, RelayError) as error:
            words.add(error.word)
    return words


def keys_that_open(channel: Channel, me: DeviceIdentity, keys: Iterable[bytes], text: str) -> int:
    """How many keys that somebody can get at open a message, whoever hands it to them.

    Args:
        keys: Those of all epochs that they have read.
        text: The envelope.
    """
    envelope = read_envelope(text)
    found = {*keys, *_unwrapped(channel, me, envelope.head)}
    return sum(_opens(channel, key, envelope) for key in found)


def _unwrapped(channel: Channel, me: DeviceIdentity, head: Head) -> Iterator[bytes]:
    """What opens, with the secret of a device, of the keys that are wrapped for whomsoever."""
    if not head.keys:
        return
    tag, wraps = head.tag, read_keys(head.keys, head.tag)
    shared = shared_secret(me.box_secret, wraps.ephemeral_key)
    for member_id, entry in wraps.entries.items():
        place = (channel.session_id, tag.sender, tag.audience, tag.epoch_id, member_id)
        wrap_key = derive(shared, channel.link_key, "wrap", *place, wraps.ephemeral_key)
        with suppress(ForgedOrMalformed):
            yield unseal(wrap_key, _NO_NONCE, entry[:_FROM_BYTES], entry[_FROM_BYTES:])


def _opens(channel: Channel, key: bytes, envelope: Envelope) -> bool:
    content_key = derive(key, channel.session_id, "content")
    try:
        unseal_with_nonce(content_key, envelope.packed_head, envelope.sealed)
    except ForgedOrMalformed:
        return False
    return True
