"""The short way of what most packets are: an event, or its answer, without attachments."""

from typing import Any

from msgspec import Struct

from server.core.opaque import Opaque
from server.transports.api import MAIN
from server.transports.decode import BinaryInsideError, parse_json, to_json_bytes
from server.transports.socketio.outgoing import Encoded, Outgoing, pack

RESERVED_EVENTS = frozenset({"connect", "disconnect", "connect_error"})

_MAX_ID_DIGITS = 15

_MAX_NAMESPACE_CHARS = 64


class PlainEvent(Struct, frozen=True, gc=False):
    """An event of a client.

    Attributes:
        ack_id: By which the client wants an answer; None for no answer.
        data: All of it; the first is the name.
    """

    ack_id: int | None
    data: list[Any]
    namespace: str = MAIN


class Reply(Struct, frozen=True, gc=False):
    """What a client gets for an event: events of its own, and `ack` if it wants one."""

    events: tuple[Outgoing, ...]
    ack: Any


def plain_event(text: str) -> PlainEvent | None:
    """Read `2[…]`, `2<id>[…]`, `2/chat,[…]`; None for every other packet, for the library to read.

    Raises:
        ValueError: The packet looks so, and is not JSON or no event.
    """
    if not text.startswith("2"):
        return None
    namespace, begun = MAIN, 1
    if text[1:2] == "/":
        begun = text.find(",", 2, _MAX_NAMESPACE_CHARS) + 1
        namespace = text[1 : begun - 1]
        if not begun or "?" in namespace:
            return None
    start = text.find("[", begun, begun + _MAX_ID_DIGITS + 1)
    digits = text[begun:start]
    if start < 0 or (digits and not (digits.isascii() and digits.isdigit())):
        return None
    data = parse_json(text[start:])
    if not data or not isinstance(data[0], str):
        raise ValueError("an event is an array that begins with its name")
    return PlainEvent(int(digits) if digits else None, data, namespace)


def head_of(packet_type: int, namespace: str = MAIN) -> bytes:
    """What the packets of that type and namespace begin with, that of Engine.IO in front."""
    return f"4{packet_type}{'' if namespace == MAIN else f'{namespace},'}".encode()


def plain_ack(head: bytes, ack_id: int, argument: Any) -> Outgoing | None:
    """The answer to an event; None if an opaque value in it has attachments."""
    try:
        return pack(b"%b%d%b" % (head, ack_id, to_json_bytes([argument])))
    except BinaryInsideError:
        return None


def plain_message(head: bytes, name: str, data: Any) -> Encoded | None:
    """An event for clients; None if an opaque value in it has attachments."""
    try:
        return Encoded(head + to_json_bytes([name, data]))
    except BinaryInsideError:
        return None


def has_binary(data: Any) -> bool:
    """Whether there is binary anywhere in a value; opaque ones know it of themselves."""
    if isinstance(data, str):
        return False
    if isinstance(data, Opaque):
        return data.has_binary
    if isinstance(data, dict):
        return any(map(has_binary, data.values()))
    if isinstance(data, list | tuple):
        return any(map(has_binary, data))
    return isinstance(data, bytes)
