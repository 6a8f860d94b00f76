"""What goes out, encoded once for any number of clients and for either transport."""

import base64

from msgspec import Struct

from server.transports.frames import BINARY_OPCODE, TEXT_OPCODE, frame, payload_of


class Encoded(Struct, frozen=True, gc=False):
    """An event that is not framed yet; as of `Outgoing`."""

    text: bytes
    binaries: tuple[bytes, ...] = ()

    def packets(self) -> "Outgoing":
        return pack(self.text, self.binaries)

    def with_last(self, argument: bytes) -> "Outgoing":
        """With one argument more, of characters that JSON writes as they are."""
        return pack(b'%b,"%b"]' % (self.text[:-1], argument), self.binaries)


class Outgoing(Struct, frozen=True, gc=False):
    """Packets of Engine.IO: one text, or binaries, or a text and its binary attachments.

    Attributes:
        frames: For a WebSocket.
        size_bytes: Of all packets, before framing.
        text_bytes: Of the text; 0 for none.
    """

    frames: bytes
    size_bytes: int
    text_bytes: int
    binaries: tuple[bytes, ...] = ()

    @property
    def count(self) -> int:
        """Of packets."""
        return bool(self.text_bytes) + len(self.binaries)

    def packets(self) -> list[str]:
        """For a client that polls."""
        text = [payload_of(self.frames, self.text_bytes).decode()] if self.text_bytes else []
        return text + ["b" + base64.b64encode(binary).decode() for binary in self.binaries]


def pack(text: bytes, binaries: tuple[bytes, ...] = ()) -> Outgoing:
    """Frame packets.

    Args:
        text: The packet with its type in front, in UTF-8; empty for none.
    """
    size_bytes = text_bytes = len(text)
    frames = frame(TEXT_OPCODE, text) if text else b""
    if binaries:
        size_bytes += sum(map(len, binaries))
        frames += b"".join(frame(BINARY_OPCODE, binary) for binary in binaries)
    return Outgoing(frames, size_bytes, text_bytes, binaries)


def message(data: str | bytes) -> Outgoing:
    """One message of Engine.IO."""
    if isinstance(data, bytes):
        return pack(b"", (data,))
    return pack(b"4" + data.encode())


PING = pack(b"2")
PONG_TO_PROBE = pack(b"3probe")
CLOSE = pack(b"1")
NOOP = pack(b"6")
