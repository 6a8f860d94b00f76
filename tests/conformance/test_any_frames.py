"""Any sequence of messages, framed, fragmented and cut in any way, arrives as it was meant."""

import itertools

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conformance.frames import BINARY, CONTINUATION, PING, PONG, TEXT, frame
from tests.conformance.speakers import by_websocket
from tests.servers import RunningServer

_LENGTHS = st.sampled_from([0, 1, 2, 124, 125, 126, 127, 1000, 65_535, 65_536, 69_000])
_LONG = st.builds(lambda unit, size: (unit * size)[:size], st.sampled_from(["x", "\0a"]), _LENGTHS)
_TEXTS = st.text(st.characters(codec="utf-8"), max_size=50) | _LONG

MESSAGES = st.one_of(
    _TEXTS.map(lambda text: "4" + text),
    st.binary(max_size=200),
    _LONG.map(str.encode),
)
"""Echoed as they are: texts are Engine.IO messages, binary is one anyway."""

MASKS = st.binary(min_size=4, max_size=4)


@st.composite
def framed(draw: st.DrawFn, message: str | bytes) -> tuple[bytes, list[bytes]]:
    """Bytes that say this message, and the payloads of the pings among them."""
    opcode = TEXT if isinstance(message, str) else BINARY
    data = message.encode() if isinstance(message, str) else message
    cuts = draw(st.lists(st.integers(0, len(data)), max_size=4).map(sorted))
    bounds = [0, *cuts, len(data)]
    stream, pings = b"", []
    for number, (start, end) in enumerate(itertools.pairwise(bounds)):
        for kind, payload in draw(st.lists(_CONTROLS, max_size=2)):
            stream += frame(kind, payload, mask=draw(MASKS))
            pings += [payload] if kind == PING else []
        stream += frame(
            CONTINUATION if number else opcode,
            data[start:end],
            is_final=number == len(cuts),
            mask=draw(MASKS),
        )
    return stream, pings


_CONTROLS = st.tuples(st.sampled_from([PING, PING, PONG]), st.binary(max_size=125))


@st.composite
def segments(draw: st.DrawFn, stream: bytes) -> list[bytes]:
    """A stream in pieces."""
    bounds = draw(st.lists(st.integers(0, len(stream)), max_size=12).map(sorted))
    return [stream[a:b] for a, b in itertools.pairwise([0, *bounds, len(stream)]) if a < b]


@given(data=st.data(), messages=st.lists(MESSAGES, min_size=1, max_size=5))
@settings(
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
async def test_messages_arrive_as_they_were_meant(
    data: st.DataObject, messages: list[str | bytes], small_engine: RunningServer
) -> None:
    written = [data.draw(framed(message)) for message in messages]
    stream = b"".join(one for one, _ in written)

    async with by_websocket(small_engine.url) as line:
        await line.write(*data.draw(segments(stream)))

        assert await line.read_many(len(messages)) == messages
        assert line.pongs == [ping for _, pings in written for ping in pings]
