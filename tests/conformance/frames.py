"""A WebSocket client that writes the frames a test gives it, and takes only right ones."""

import asyncio
import base64
import hashlib
import ssl
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from msgspec import Struct

from tests.transports.wire import UPGRADE, WEBSOCKET, Reply, head, read_reply

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10

NO_CODE, NO_CLOSE_FRAME = 1005, 1006

LIMIT_S = 5

_MASK = b"\x37\xfa\x21\x3d"


class Frame(Struct, frozen=True):
    opcode: int
    payload: bytes
    is_final: bool = True


def frame(
    opcode: int,
    payload: bytes | str = b"",
    *,
    is_final: bool = True,
    reserved_bits: int = 0,
    mask: bytes | None = _MASK,
    size: int | None = None,
) -> bytes:
    """A frame as a client writes it.

    Args:
        reserved_bits: 0 to 7.
        mask: None for a frame that is not masked.
        size: The size to announce, if it is not that of the payload.
    """
    data = payload.encode() if isinstance(payload, str) else payload
    first = is_final << 7 | reserved_bits << 4 | opcode
    announced = len(data) if size is None else size
    head = bytes([first]) + _size(announced, 0 if mask is None else 0x80)
    return head + (data if mask is None else mask + _masked(data, mask))


def close_frame(code: int | None = None, reason: bytes = b"") -> bytes:
    return frame(CLOSE, b"" if code is None else struct.pack(">H", code) + reason)


def message(data: str | bytes) -> bytes:
    """A whole message in one frame."""
    return frame(TEXT if isinstance(data, str) else BINARY, data)


def _size(size: int, mask_bit: int) -> bytes:
    if size < 126:
        return bytes([mask_bit | size])
    if size < 1 << 16:
        return struct.pack(">BH", mask_bit | 126, size)
    return struct.pack(">BQ", mask_bit | 127, size)


def _masked(data: bytes, mask: bytes) -> bytes:
    pad = (mask * (len(data) // 4 + 1))[: len(data)]
    return (int.from_bytes(data) ^ int.from_bytes(pad)).to_bytes(len(data))


def accept_of(key: str) -> str:
    """What a server must answer to a Sec-WebSocket-Key."""
    digest = hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode())  # noqa: S324
    return base64.b64encode(digest.digest()).decode()


class HandshakeRefusedError(Exception):
    """The server opened no WebSocket."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(str(reply))
        self.reply = reply


class WebSocket:
    """One WebSocket that is open on our side.

    Attributes:
        pongs: Payloads of the server's pong frames that `read` passed by.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.pongs: list[bytes] = []

    async def write(self, *segments: bytes) -> None:
        """Write bytes; the server has its turn after each of the segments."""
        for segment in segments:
            self._writer.write(segment)
            await self._writer.drain()
            if len(segments) > 1:
                # Only what a test is able to find hangs on this, not whether it passes.
                await asyncio.sleep(0)

    async def send(self, *messages: str | bytes) -> None:
        """Write messages of one frame each, all in one segment."""
        await self.write(b"".join(map(message, messages)))

    async def close(self, code: int = 1000) -> None:
        """Begin the closing handshake."""
        await self.write(close_frame(code))

    async def read_frame(self) -> Frame:
        """The next frame, which must be as RFC 6455 wants it of a server.

        Raises:
            ConnectionError, EOFError: There is none any more.
        """
        async with asyncio.timeout(LIMIT_S):
            first, size = await self._reader.readexactly(2)
            assert not first & 0x70, "reserved bits"
            assert size < 128, "masked"
            opcode, is_final = first & 0x0F, first >= 0x80
            if opcode >= CLOSE:
                assert is_final, "control frame in pieces"
                assert size < 126, "long control frame"
            if size >= 126:
                count, least = {126: (2, 126), 127: (8, 1 << 16)}[size]
                size = int.from_bytes(await self._reader.readexactly(count))
                assert size >= least, "size in more bytes than needed"
            return Frame(opcode, await self._reader.readexactly(size), is_final)

    async def read(self) -> str | bytes:
        """The next message.

        Raises:
            ConnectionError, EOFError: The connection ended, or is about to.
        """
        kind, data = None, b""
        while True:
            got = await self.read_frame()
            if got.opcode == PONG:
                self.pongs.append(got.payload)
            elif got.opcode == CLOSE:
                raise ConnectionError(f"closed with {got.payload!r}")
            else:
                assert (got.opcode == CONTINUATION) == (kind is not None), got
                kind = got.opcode if kind is None else kind
                data += got.payload
                if got.is_final:
                    return data.decode() if kind == TEXT else data

    async def read_many(self, count: int) -> list[str | bytes]:
        return [await self.read() for _ in range(count)]

    async def ended(self) -> int:
        """Pass by what comes before the server's close frame, answer that, see TCP end.

        Returns:
            The close code; NO_CODE or NO_CLOSE_FRAME where there was none.
        """
        code = NO_CLOSE_FRAME
        with suppress(ConnectionError, EOFError):
            while (got := await self.read_frame()).opcode != CLOSE:
                pass
            code = struct.unpack(">H", got.payload[:2])[0] if got.payload else NO_CODE
            got.payload[2:].decode()
            self._writer.write(frame(CLOSE, got.payload[:2]))
        await self.tcp_ended()
        return code

    async def tcp_ended(self) -> None:
        """See the server close the TCP connection, and write nothing before."""
        async with asyncio.timeout(LIMIT_S):
            with suppress(ConnectionError):
                assert await self._reader.read(1) == b""

    def end_writing(self) -> None:
        """End our half of the TCP connection."""
        self._writer.write_eof()

    def drop(self) -> None:
        """Be gone without a word."""
        self._writer.transport.abort()


@asynccontextmanager
async def websocket(
    url: str,
    target: str = WEBSOCKET,
    first: bytes = b"",
    context: ssl.SSLContext | None = None,
    headers: dict[str, str] | None = None,
) -> AsyncIterator[WebSocket]:
    """Open a WebSocket, and see that the handshake is right.

    Args:
        first: Bytes to send in one segment with the request.
        context: For TLS, where the URL begins with https.
        headers: More than those of a handshake, or others.

    Raises:
        HandshakeRefusedError: It was not opened.
    """
    host, _, port = url.partition("://")[2].partition(":")
    reader, writer = await asyncio.open_connection(host, int(port), ssl=context, limit=1 << 24)
    try:
        writer.write(head("GET", target, {**UPGRADE, **(headers or {})}) + first)
        async with asyncio.timeout(LIMIT_S):
            reply = await read_reply(reader)
        if reply.status != 101:
            raise HandshakeRefusedError(reply)
        assert reply.headers["sec-websocket-accept"] == accept_of(UPGRADE["Sec-WebSocket-Key"])
        yield WebSocket(reader, writer)
    finally:
        writer.transport.abort()


async def is_refused(url: str, target: str, first: bytes = b"") -> bool:
    """Whether a WebSocket is refused: by a status, or by a close before anything else."""
    try:
        async with websocket(url, target, first) as line:
            opcode = (await line.read_frame()).opcode
            await line.ended()
            return opcode == CLOSE
    except HandshakeRefusedError as error:
        return error.reply.status == 400
