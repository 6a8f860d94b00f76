"""What messages and members weigh: every backend counts the same, so that bounds mean the same."""

from server.core.events import Member
from server.core.opaque import Opaque

_MESSAGE_BYTES = 1024
_MEMBER_BYTES = 2048
"""Python's own records of one message, and of one member with its connection and tokens,
measured, so that empty ones count as well. Redis needs less."""


def message_bytes(ciphertext: Opaque, *words: str) -> int:
    """What a message weighs, with what stays of it when it is trimmed.

    That is paid ahead, so that a room with a full history needs no more space.
    """
    text = "".join(words)
    words_bytes = len(text) if text.isascii() else len(text.encode())
    return ciphertext.size_bytes + 2 * (words_bytes + _MESSAGE_BYTES)


def member_bytes(member: Member) -> int:
    key_bytes = member.public_key.size_bytes if member.public_key else 0
    words_bytes = len(member.user_id.encode()) + len(member.name.encode())
    return words_bytes + key_bytes + _MEMBER_BYTES
