"""Socket.IO packets with strict JSON, and a bound on what their attachments may hold."""

from typing import Any

from socketio import packet

from server.transports.decode import parse_json, to_json

MAX_ATTACHMENTS = 32

MALFORMED = (
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    RecursionError,
)
"""What the libraries raise on packets that are not of the protocol."""


class StrictJson:
    """The JSON of our packets; the arguments of the standard library's are ignored."""

    @staticmethod
    def loads(text: str) -> Any:
        return parse_json(text)

    @staticmethod
    def dumps(value: Any, **_: Any) -> str:
        return to_json(value)


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
        """Put the attachments into their places; each place must name one that is there."""
        if isinstance(data, list):
            return [cls.reconstruct_binary(item, attachments) for item in data]
        if not isinstance(data, dict):
            return data
        if data.get("_placeholder") is True:
            number = data.get("num")
            if type(number) is not int or not 0 <= number < len(attachments):
                raise ValueError("a place for an attachment that there is not")
            return attachments[number]
        return {key: cls.reconstruct_binary(item, attachments) for key, item in data.items()}

    def _check_event(self) -> None:
        data = self.data
        if not isinstance(data, list) or not data or not isinstance(data[0], str):
            raise ValueError("an event is an array that begins with its name")
