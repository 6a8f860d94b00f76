"""RFC 6455: frames, fragments, control frames, masks, text, sizes and the closing handshake."""

import struct

import pytest

from tests.conformance.frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    NO_CLOSE_FRAME,
    NO_CODE,
    PING,
    PONG,
    TEXT,
    Frame,
    close_frame,
    frame,
    message,
)
from tests.conformance.speakers import by_websocket
from tests.servers import RunningServer

PROTOCOL_ERROR, BAD_TEXT, TOO_BIG = 1002, 1007, 1009

SIZES = [1, 2, 124, 125, 126, 127, 255, 256, 65_535, 65_536, 70_000]


def pieces(opcode: int, *parts: str | bytes) -> bytes:
    """A message in fragments."""
    last = len(parts) - 1
    return b"".join(
        frame(CONTINUATION if number else opcode, part, is_final=number == last)
        for number, part in enumerate(parts)
    )


# --- messages ---


@pytest.mark.parametrize("size", SIZES)
async def test_a_message_of_any_length_comes_back(size: int, small_engine: RunningServer) -> None:
    text, binary = "4" + "t" * (size - 1), bytes(range(256)) * (size // 256) + bytes(size % 256)

    async with by_websocket(small_engine.url) as line:
        await line.send(text, binary)

        assert await line.read_many(2) == [text, binary]


MASKS = [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\1\2\3\4", b"\x80\0\0\x7f"]


@pytest.mark.parametrize("mask", MASKS, ids=bytes.hex)
async def test_any_mask_is_taken_off(mask: bytes, engine: RunningServer) -> None:
    sent = [b"x" * size for size in range(1, 10)] + [bytes(range(256)) * 5]

    async with by_websocket(engine.url) as line:
        await line.write(b"".join(frame(BINARY, one, mask=mask) for one in sent))

        assert await line.read_many(len(sent)) == sent


async def test_a_size_may_be_written_in_more_bytes_than_it_needs(engine: RunningServer) -> None:
    # RFC 6455 forbids it to senders; both answers are right, a wrong message is not.
    async with by_websocket(engine.url) as line:
        await line.write(b"\x82\xfe" + struct.pack(">H", 3) + bytes(4) + b"abc", message("4next"))

        got = await line.read_frame()
        assert got in (Frame(BINARY, b"abc"), Frame(CLOSE, got.payload))


# --- fragments ---

FRAGMENTS = {
    "two of text": ((TEXT, "4hel", "lo"), "4hello"),
    "three of text": ((TEXT, "4", "hel", "lo"), "4hello"),
    "empty ones": ((TEXT, "", "4", "", "", "hello", ""), "4hello"),
    "only empty ones": ((BINARY, b"", b"", b""), b""),
    "binary": ((BINARY, b"\1", b"\xff" * 200, b"\2"), b"\1" + b"\xff" * 200 + b"\2"),
    "a character cut in two": ((TEXT, b"4\xe2\x82", b"\xac"), "4€"),
    "a character in four": ((TEXT, b"4\xf0", b"\x9f", b"\x98", b"\x80."), "4\U0001f600."),
    "bytes one by one": ((BINARY, *(bytes([n]) for n in range(256))), bytes(range(256))),
}


@pytest.mark.parametrize(("parts", "whole"), FRAGMENTS.values(), ids=FRAGMENTS)
async def test_fragments_make_one_message(
    parts: tuple[int, *tuple[str | bytes, ...]], whole: str | bytes, engine: RunningServer
) -> None:
    async with by_websocket(engine.url) as line:
        await line.write(pieces(*parts) + message("4next"))

        assert await line.read_many(2) == [whole, "4next"]


async def test_a_ping_between_fragments_is_answered_at_once(engine: RunningServer) -> None:
    async with by_websocket(engine.url) as line:
        await line.write(frame(TEXT, "4hel", is_final=False) + frame(PING, b"between"))
        assert await line.read_frame() == Frame(PONG, b"between")

        await line.write(frame(PONG, b"unasked") + frame(CONTINUATION, "lo"))
        assert await line.read() == "4hello"


async def test_a_close_between_fragments_ends_the_connection(engine: RunningServer) -> None:
    async with by_websocket(engine.url) as line:
        await line.write(frame(TEXT, "4hel", is_final=False) + close_frame(1000))

        assert await line.ended() == 1000


# --- ping and pong ---


@pytest.mark.parametrize("payload", [b"", b"x", b"\xff\0\xfe", b"y" * 125], ids=len)
async def test_a_ping_is_answered_with_its_payload(payload: bytes, engine: RunningServer) -> None:
    async with by_websocket(engine.url) as line:
        await line.write(frame(PING, payload))

        assert await line.read_frame() == Frame(PONG, payload)


async def test_pings_are_answered_in_order_among_messages(engine: RunningServer) -> None:
    async with by_websocket(engine.url) as line:
        await line.write(
            b"".join(frame(PING, str(n).encode()) + message(f"4{n}") for n in range(20))
        )

        assert await line.read_many(20) == [f"4{n}" for n in range(20)]
        assert line.pongs == [str(n).encode() for n in range(20)]


async def test_pongs_that_nobody_asked_for_are_ignored(engine: RunningServer) -> None:
    async with by_websocket(engine.url) as line:
        await line.write(frame(PONG) + frame(PONG, b"x" * 125) + message("4next"))

        assert await line.read() == "4next"


# --- segments ---

STREAM = (
    message("4short")
    + message(bytes(range(150)))
    + frame(PING, b"ping")
    + pieces(TEXT, b"4\xe2", b"\x82\xac", b"!")
    + message("4")
)
MESSAGES = ["4short", bytes(range(150)), "4€!", "4"]


async def test_frames_may_be_cut_at_every_byte(engine: RunningServer) -> None:
    async with by_websocket(engine.url) as line:
        for cut in range(1, len(STREAM)):
            await line.write(STREAM[:cut], STREAM[cut:])

            assert await line.read_many(4) == MESSAGES
        assert line.pongs == [b"ping"] * (len(STREAM) - 1)


async def test_frames_may_come_byte_by_byte(engine: RunningServer) -> None:
    async with by_websocket(engine.url) as line:
        await line.write(*(bytes([one]) for one in STREAM))

        assert await line.read_many(4) == MESSAGES


async def test_many_frames_may_come_in_one_segment(engine: RunningServer) -> None:
    sent = [f"4{number}" if number % 3 else bytes([number % 256]) for number in range(3000)]

    async with by_websocket(engine.url) as line:
        await line.send(*sent)

        assert await line.read_many(len(sent)) == sent


# --- broken frames ---

BROKEN = {
    "no mask": (frame(TEXT, "4hello", mask=None), PROTOCOL_ERROR),
    "no mask on a long one": (frame(BINARY, bytes(300), mask=None), PROTOCOL_ERROR),
    "no mask on a ping": (frame(PING, mask=None), PROTOCOL_ERROR),
    "the first reserved bit": (frame(TEXT, "4hello", reserved_bits=4), PROTOCOL_ERROR),
    "the second reserved bit": (frame(TEXT, "4hello", reserved_bits=2), PROTOCOL_ERROR),
    "the third reserved bit": (frame(TEXT, "4hello", reserved_bits=1), PROTOCOL_ERROR),
    "a reserved bit on a ping": (frame(PING, reserved_bits=4), PROTOCOL_ERROR),
    "a reserved bit on a continuation": (
        frame(TEXT, "4", is_final=False) + frame(CONTINUATION, "x", reserved_bits=4),
        PROTOCOL_ERROR,
    ),
    "a ping in fragments": (frame(PING, b"x", is_final=False), PROTOCOL_ERROR),
    "a close in fragments": (frame(CLOSE, b"\x03\xe8", is_final=False), PROTOCOL_ERROR),
    "a long ping": (frame(PING, bytes(126)), PROTOCOL_ERROR),
    "a long pong": (frame(PONG, bytes(126)), PROTOCOL_ERROR),
    "a long close": (close_frame(1000, b"x" * 124), PROTOCOL_ERROR),
    "a continuation of nothing": (frame(CONTINUATION, "4hello"), PROTOCOL_ERROR),
    "a continuation of a whole message": (
        message("4hello") + frame(CONTINUATION, "4hello"),
        PROTOCOL_ERROR,
    ),
    "a message within another": (
        frame(TEXT, "4", is_final=False) + message("4hello"),
        PROTOCOL_ERROR,
    ),
    "a close of one byte": (frame(CLOSE, b"\x03"), PROTOCOL_ERROR),
    "text that is no UTF-8": (frame(TEXT, b"4\xff\xfe"), BAD_TEXT),
    "text with half a surrogate pair": (frame(TEXT, b"4\xed\xa0\x80"), BAD_TEXT),
    "text in longer UTF-8 than needed": (frame(TEXT, b"4\xc0\xaf"), BAD_TEXT),
    "text beyond Unicode": (frame(TEXT, b"4\xf4\x90\x80\x80"), BAD_TEXT),
    "text that ends within a character": (frame(TEXT, b"4\xe2\x82"), BAD_TEXT),
    "fragments that end within a character": (pieces(TEXT, b"4\xe2", b"\x82"), BAD_TEXT),
    "fragments that do not fit": (pieces(TEXT, b"4\xe2\x82", b"(", b"x"), BAD_TEXT),
    "a reason that is no UTF-8": (close_frame(1000, b"\xff"), BAD_TEXT),
    "a reason that ends within a character": (close_frame(1000, b"\xe2\x82"), BAD_TEXT),
}
BROKEN |= {
    f"opcode {opcode}": (frame(opcode, "4hello"), PROTOCOL_ERROR)
    for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)
}
BROKEN |= {
    f"close code {code}": (close_frame(code), PROTOCOL_ERROR)
    for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 2000, 2999, 5000, 65_535)
}


@pytest.mark.parametrize(("sent", "code"), BROKEN.values(), ids=BROKEN)
async def test_the_connection_is_closed_for(sent: bytes, code: int, engine: RunningServer) -> None:
    async with by_websocket(engine.url) as line:
        await line.write(sent)

        assert await line.ended() == code


async def test_nothing_behind_a_broken_frame_is_handled(engine: RunningServer) -> None:
    async with by_websocket(engine.url) as line:
        await line.write(message("4before") + frame(3) + message("4behind"))

        assert await line.read() == "4before"
        assert (await line.read_frame()).opcode == CLOSE
        await line.write(message("4much later"))
        await line.tcp_ended()


# --- sizes ---

TOO_LARGE = {
    "one byte more": frame(BINARY, size=70_001),
    "a size of 8 bytes": frame(TEXT, size=1 << 40),
    "the largest size": frame(BINARY, size=(1 << 63) - 1),
    "one byte more in fragments": frame(BINARY, bytes(70_000), is_final=False)
    + frame(CONTINUATION, size=1),
    "many small fragments": frame(TEXT, "4", is_final=False)
    + frame(CONTINUATION, "x" * 1000, is_final=False) * 69
    + frame(CONTINUATION, size=1000),
}


@pytest.mark.parametrize("sent", TOO_LARGE.values(), ids=TOO_LARGE)
async def test_what_is_too_large_is_refused_before_it_has_come(
    sent: bytes, small_engine: RunningServer
) -> None:
    async with by_websocket(small_engine.url) as line:
        await line.write(sent)

        assert await line.ended() == TOO_BIG


async def test_a_size_with_its_highest_bit_set_is_refused(small_engine: RunningServer) -> None:
    async with by_websocket(small_engine.url) as line:
        await line.write(frame(BINARY, size=1 << 63))

        assert await line.ended() in (PROTOCOL_ERROR, TOO_BIG)


async def test_fragments_may_have_as_many_bytes_as_one_frame(small_engine: RunningServer) -> None:
    async with by_websocket(small_engine.url) as line:
        await line.write(pieces(BINARY, bytes(69_999), b"x"))

        assert await line.read() == bytes(69_999) + b"x"


# --- close ---


@pytest.mark.parametrize("code", [1000, 1001, 1003, 1011, 1014, 3000, 4000, 4999])
async def test_a_close_is_answered_with_its_code(code: int, engine: RunningServer) -> None:
    async with by_websocket(engine.url) as line:
        await line.write(close_frame(code, "goodbye €".encode()))

        assert await line.ended() == code


async def test_a_close_without_a_code_is_answered(engine: RunningServer) -> None:
    async with by_websocket(engine.url) as line:
        await line.write(frame(CLOSE))

        assert await line.ended() in (NO_CODE, 1000)


async def test_what_came_before_a_close_is_answered_before_it(engine: RunningServer) -> None:
    async with by_websocket(engine.url) as line:
        await line.write(message("4first") + frame(PING, b"x") + close_frame(1000))

        assert await line.read() == "4first"
        assert await line.ended() == 1000


async def test_nothing_behind_a_close_is_handled(engine: RunningServer) -> None:
    async with by_websocket(engine.url) as line:
        await line.write(close_frame(1000) + message("4behind") + frame(PING, b"x"))

        assert (await line.read_frame()).opcode == CLOSE
        await line.tcp_ended()


async def test_the_server_ends_tcp_after_both_closes(engine: RunningServer) -> None:
    async with by_websocket(engine.url) as line:
        await line.close()

        # Nothing more is sent from here, and TCP not ended from here.
        assert (await line.read_frame()).opcode == CLOSE
        await line.tcp_ended()


async def test_who_does_not_answer_a_close_is_cut_off(engine: RunningServer) -> None:
    async with by_websocket(engine.url) as line:
        await line.send("7")

        assert (await line.read_frame()).opcode == CLOSE
        await line.tcp_ended()


async def test_half_a_tcp_connection_is_closed(engine: RunningServer) -> None:
    async with by_websocket(engine.url) as line:
        line.end_writing()

        assert await line.ended() in (NO_CLOSE_FRAME, 1000, 1001)
