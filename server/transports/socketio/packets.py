"""Socket.IO packets with strict JSON, and a bound on what their attachments may hold."""

import base64
from collections.abc import Callable
from types import NoneType, UnionType
from typing import Any

from socketio import packet

from server.core.opaque import Opaque
from server.transports.api import MAIN
from server.transports.decode import parse_json, to_json
from server.transports.socketio.outgoing import Encoded
from server.transports.socketio.plain import has_binary, head_of, plain_message

MAX_ATTACHMENTS = 10
"""Of one packet: official clients take it for an attack if there are more, and disconnect."""

MALFORMED = (
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    RecursionError,
)
"""What the libraries raise on packets that are not of the protocol."""


_DATA: dict[int, type | UnionType] = {
    packet.CONNECT: dict | NoneType,
    packet.DISCONNECT: object,
    packet.EVENT: list,
    packet.BINARY_EVENT: list,
    packet.ACK: list,
    packet.BINARY_ACK: list,
}
"""What the packets hold that clients send."""


class StrictJson:
    """The JSON of our packets; the arguments of the standard library's are ignored."""

    @staticmethod
    def loads(text: str) -> Any:
        return parse_json(text)

    @staticmethod
    def dumps(value: Any, **_: Any) -> str:
        return to_json(value)


def _put_back(data: Any, left: dict[int, bytes]) -> Any:
    if isinstance(data, list):
        return [_put_back(item, left) for item in data]
    if not isinstance(data, dict):
        return data
    if data.get("_placeholder") is True:
        number = data.get("num")
        if type(number) is not int or number not in left:
            raise ValueError("a place for an attachment that there is not")
        return left.pop(number)
    return {key: _put_back(item, left) for key, item in data.items()}


class StrictPacket(packet.Packet):
    """A packet that refuses what would keep memory or break other clients.

    Attributes:
        max_bytes: Of all attachments of one packet together.
    """

    json: Any = StrictJson
    max_bytes = 1_000_000

    def decode(self, encoded_packet: str) -> int:
        attachments = int(super().decode(encoded_packet) or 0)
        is_binary = self.packet_type in (packet.BINARY_EVENT, packet.BINARY_ACK)
        if is_binary != (0 < attachments <= MAX_ATTACHMENTS):
            raise ValueError("not a possible number of attachments")
        if not isinstance(self.data, _DATA.get(self.packet_type, ())):
            raise ValueError("no packet that clients send, or other data than it has")
        if self.packet_type in (packet.EVENT, packet.BINARY_EVENT):
            self._check_event()
        return attachments

    def add_attachment(self, attachment: object) -> bool:
        if not isinstance(attachment, bytes):
            raise ValueError("text where an attachment was announced")
        if sum(map(len, self.attachments)) + len(attachment) > self.max_bytes:
            raise ValueError("attachments too large")
        return bool(super().add_attachment(attachment))

    @classmethod
    def reconstruct_binary(cls, data: Any, attachments: list[bytes]) -> Any:
        """Put the attachments into their places, each into one place.

        One attachment in a thousand places would take its size a thousand times.
        """
        return _put_back(data, dict(enumerate(attachments)))

    @classmethod
    def data_is_binary(cls, data: Any) -> bool:
        return has_binary(data)

    @classmethod
    def _deconstruct_binary_internal(cls, data: Any, attachments: list[bytes]) -> Any:
        if isinstance(data, Opaque) and data.has_binary:
            data = data.value
        if isinstance(data, bytes) and len(attachments) >= MAX_ATTACHMENTS:
            # Only lists come to so many, such as a history. Better a value that the client
            # must decode than an event that costs it its connection.
            return {"base64": base64.b64encode(data).decode()}
        return super()._deconstruct_binary_internal(data, attachments)

    def _check_event(self) -> None:
        if not self.data or not isinstance(self.data[0], str):
            raise ValueError("an event is an array that begins with its name")


def event_encoder(
    packet_class: type[StrictPacket], namespace: str = MAIN
) -> Callable[[str, Any], Encoded]:
    """Makes the packets of events of a namespace."""
    head = head_of(packet.EVENT, namespace)

    def encode(name: str, data: Any) -> Encoded:
        plain = plain_message(head, name, data)
        if plain:
            return plain
        whole = packet_class(packet.EVENT, namespace=namespace, data=[name, data])
        text, *binaries = whole.encode()
        return Encoded(b"4" + text.encode(), tuple(binaries))

    return encode
