"""What somebody who has left tries, to read on: all that their keys could open."""

from scripts.demo_parts.channel.colleague import Colleague
from scripts.demo_parts.channel.talk import Message
from scripts.demo_parts.line import RelayError
from scripts.demo_parts.protocol.channels import Channel
from scripts.demo_parts.protocol.envelopes import Envelope, read_envelope
from scripts.demo_parts.protocol.epochs import read_keys, unwrap
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


def keys_that_open(leaver: Colleague, message: Message) -> int:
    """How many of all keys that somebody ever had open a message, whoever hands it to them.

    Tried are what is wrapped for their device, what is wrapped for anybody else with their
    secret, and every key of an epoch that they have read.
    """
    envelope, me = read_envelope(message["content"]), leaver.whoami()
    channel = Channel(leaver.conversation_id)
    found = set(leaver.talk.secrets())
    tag, field = envelope.head.tag, envelope.head.keys
    wraps = read_keys(field, tag) if field else None
    if wraps:
        try:
            opened = unwrap(channel, me, tag, wraps)
            found |= {opened.epoch.key} if opened else set()
        except ForgedOrMalformed:
            pass
        for member_id, entry in wraps.entries.items():
            place = (channel.session_id, tag.sender, tag.audience, tag.epoch_id, member_id)
            shared = shared_secret(me.box_secret, wraps.ephemeral_key)
            key = derive(shared, channel.link_key, "wrap", *place, wraps.ephemeral_key)
            found |= _unwrapped(key, entry)
    return sum(_opens(channel, key, envelope) for key in found)


def _unwrapped(wrap_key: bytes, entry: bytes) -> set[bytes]:
    try:
        return {unseal(wrap_key, _NO_NONCE, entry[:8], entry[8:])}
    except ForgedOrMalformed:
        return set()


def _opens(channel: Channel, key: bytes, envelope: Envelope) -> bool:
    content_key = derive(key, channel.session_id, "content")
    try:
        unseal_with_nonce(content_key, envelope.packed_head, envelope.sealed)
    except ForgedOrMalformed:
        return False
    return True
