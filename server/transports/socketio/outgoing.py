"""What goes out, encoded once for any number of clients and for either transport."""

import base64

from server.transports.frames import BINARY_OPCODE, TEXT_OPCODE, frame


class Outgoing:
    """Packets of Engine.IO: one text, or binaries, or a text and its binary attachments.

    Args:
        text: The packet with its type in front, in UTF-8; empty for none.
    """

    __slots__ = ("_binaries", "_frames", "_text", "size_bytes")

    def __init__(self, text: bytes, binaries: tuple[bytes, ...] = ()) -> None:
        self._text = text
        self._binaries = binaries
        self._frames: bytes | None = None
        self.size_bytes = len(text)
        if binaries:
            self.size_bytes += sum(map(len, binaries))

    @property
    def frames(self) -> bytes:
        """For a WebSocket."""
        if self._frames is None:
            self._frames = frame(TEXT_OPCODE, self._text) if self._text else b""
            for binary in self._binaries:
                self._frames += frame(BINARY_OPCODE, binary)
        return self._frames

    @property
    def count(self) -> int:
        """Of packets."""
        return bool(self._text) + len(self._binaries)

    def packets(self) -> list[str]:
        """For a client that polls."""
        text = [self._text.decode()] if self._text else []
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
