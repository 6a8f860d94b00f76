"""Frames of WebSockets (RFC 6455), as servers send them and as clients must."""

TEXT_OPCODE = 0x1
BINARY_OPCODE = 0x2
CLOSE_OPCODE = 0x8
PONG_OPCODE = 0xA

_FIN = 0x80
_MASKED = 0x80
_MASK_BYTES = 4


def frame(opcode: int, payload: bytes) -> bytes:
    """A whole message, or a control frame, in one unmasked frame."""
    size = len(payload)
    if size < 126:
        return bytes((_FIN | opcode, size)) + payload
    if size < 65_536:
        return bytes((_FIN | opcode, 126, size >> 8, size & 0xFF)) + payload
    return bytes((_FIN | opcode, 127)) + size.to_bytes(8) + payload


def close_frame(code: int, reason: str = "") -> bytes:
    """A close frame; a reason may have 123 bytes."""
    return frame(CLOSE_OPCODE, code.to_bytes(2) + reason.encode())


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
        while at + 2 <= end:
            size = data[at + 1]
            if not size & _MASKED:
                return False
            next_at = _end_of_frame(data, at, end, size & ~_MASKED)
            if next_at is None:
                break
            at = next_at
            self.begun += 1
        if at < end:
            self._head, self._skip = data[at:], 0
        else:
            self._skip = at - end
        return True


def _end_of_frame(data: bytes, at: int, end: int, size: int) -> int | None:
    """Where the masked frame at `at` ends; None if its length is not all there."""
    if size < 126:
        return at + 2 + _MASK_BYTES + size
    length_bytes = 2 if size == 126 else 8
    head_end = at + 2 + length_bytes
    if head_end > end:
        return None
    return head_end + _MASK_BYTES + int.from_bytes(data[at + 2 : head_end])
