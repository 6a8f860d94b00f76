"""What goes out, encoded once for any number of clients and for either transport."""

import base64

from msgspec import Struct

from server.transports.frames import BINARY_OPCODE, TEXT_OPCODE, frame, payload_of


class Encoded(Struct, frozen=True, gc=False):
    """An event that is not framed yet; as of `Outgoing`."""

    text: bytes
    binaries: tuple[bytes, ...] = ()

    def packets(self) -> "Outgoing":
        return Outgoing(self.text, self.binaries)

    def with_last(self, argument: bytes) -> "Outgoing":
        """With one argument more, of characters that JSON writes as they are."""
        return Outgoing(b'%b,"%b"]' % (self.text[:-1], argument), self.binaries)


class Outgoing:
    """Packets of Engine.IO: one text, or binaries, or a text and its binary attachments.

    Args:
        text: The packet with its type in front, in UTF-8; empty for none.

    Attributes:
        frames: For a WebSocket.
        size_bytes: Of all packets, before framing.
    """

    __slots__ = ("_binaries", "_text_bytes", "frames", "size_bytes")

    def __init__(self, text: bytes, binaries: tuple[bytes, ...] = ()) -> None:
        self._binaries = binaries
        self.size_bytes = self._text_bytes = len(text)
        self.frames = frame(TEXT_OPCODE, text) if text else b""
        if binaries:
            self.size_bytes += sum(map(len, binaries))
            self.frames += b"".join(frame(BINARY_OPCODE, binary) for binary in binaries)

    @property
    def count(self) -> int:
        """Of packets."""
        return bool(self._text_bytes) + len(self._binaries)

    def packets(self) -> list[str]:
        """For a client that polls."""
        text = [payload_of(self.frames, self._text_bytes).decode()] if self._text_bytes else []
        return text + ["b" + base64.b64encode(binary).decode() for binary in self._binaries]


def message(data: str | bytes) -> Outgoing:
    """One message of Engine.IO."""
    if isinstance(data, bytes):
        return Outgoing(b"", (data,))
    return Outgoing(b"4" + data.encode())


PING = Outgoing(b"2")
PONG_TO_PROBE = Outgoing(b"3probe")
CLOSE = Outgoing(b"1")
NOOP = Outgoing(b"6")
