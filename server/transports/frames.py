"""Frames of WebSockets (RFC 6455), as servers send them and as clients must."""

import struct

TEXT_OPCODE = 0x1
BINARY_OPCODE = 0x2
CLOSE_OPCODE = 0x8
PING_OPCODE = 0x9
PONG_OPCODE = 0xA

_FIN = 0x80
_MASKED = 0x80
_MASK_BYTES = 4
_MAX_REASON_BYTES = 123

_MIDDLE_HEAD = struct.Struct("!BBH")
_LONG_HEAD = struct.Struct("!BBQ")


def frame(opcode: int, payload: bytes) -> bytes:
    """A whole message, or a control frame, in one unmasked frame."""
    size = len(payload)
    if size < 126:
        return bytes((_FIN | opcode, size)) + payload
    if size < 65_536:
        return _MIDDLE_HEAD.pack(_FIN | opcode, 126, size) + payload
    return _LONG_HEAD.pack(_FIN | opcode, 127, size) + payload


def payload_of(frames: bytes, size: int) -> bytes:
    """The payload, of that size, of the first of our own frames."""
    head_bytes = 2 if size < 126 else 4 if size < 65_536 else 10
    return frames[head_bytes : head_bytes + size]


def close_frame(code: int, reason: str = "") -> bytes:
    """A close frame, with as much of the reason as it may have."""
    text = reason.encode()[:_MAX_REASON_BYTES].decode(errors="ignore")
    return frame(CLOSE_OPCODE, code.to_bytes(2) + text.encode())


def is_close_code(code: int) -> bool:
    """Whether a close frame may hold it: section 7.4, and the registry that it founded."""
    return 1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999


class MaskCheck:
    """Follows the frames of one client through the bytes that arrive, however they are cut.

    aiohttp's parser, which reads the frames after it, takes unmasked ones as well; section
    5.1 has a server close the connection.

    Attributes:
        begun: How many frames began in the bytes of the last call.
    """

    __slots__ = ("_head", "_skip", "begun")

    def __init__(self) -> None:
        self.begun = 0
        self._head = b""  # of a frame whose length is not all there
        self._skip = 0  # bytes that are left of the current frame

    def passes(self, data: bytes) -> bool:
        """Whether all frames that begin in the next bytes are masked."""
        if self._head:
            data, self._head = self._head + data, b""
        at, end = self._skip, len(data)
        self.begun = 0
        while (head_end := at + 2) <= end:
            size = data[at + 1] - _MASKED  # the bit and the size share a byte
            if size < 0:
                return False
            if size >= 126:
                head_end += 2 if size == 126 else 8
                if head_end > end:
                    break
                size = int.from_bytes(data[at + 2 : head_end])
            at = head_end + _MASK_BYTES + size
            self.begun += 1
        if at < end:
            self._head, self._skip = data[at:], 0
        else:
            self._skip = at - end
        return True
