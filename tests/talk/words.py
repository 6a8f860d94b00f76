"""What members of a room say and hear: messages that a checker can tell apart."""

import msgspec

from tests.talk.checker import Record

FILLER = "0123456789abcdef" * 64


class Message(msgspec.Struct, rename={"sender": "from", "recipient": "to"}):
    """As it comes off the wire."""

    id: str
    sender: str
    recipient: str
    encrypted: str
    seq: int


class Placed(msgspec.Struct):
    """What else has a place in the sequence: somebody joined or left."""

    seq: int


class NotSentError(Exception):
    """A message that nobody has sent so."""


def words(sender: str, number: int) -> str:
    """What a message says: the number, and as much filler as is this number's."""
    return f"{sender} {number} {FILLER[: number * 7919 % 1009]}"


def send_request(room: str, sender: str, number: int, to: str = "all") -> dict[str, str]:
    """The request that sends a message; each time the same for one number."""
    return {
        "sessionId": room,
        "id": f"{sender} {number}",
        "to": to,
        "encrypted": words(sender, number),
    }


def record_of(message: Message) -> Record:
    """
    Raises:
        NotSentError: The content is not what its sender wrote.
    """
    number = int(message.id.rpartition(" ")[2])
    if message.encrypted != words(message.sender, number):
        raise NotSentError(f"{message.id}: {message.encrypted[:80]!r}")
    recipient = None if message.recipient == "all" else message.recipient
    return Record(message.sender, number, recipient)
