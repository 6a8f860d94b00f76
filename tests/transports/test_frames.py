"""Frames of servers and of clients, however TCP cuts them."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from server.transports.frames import BINARY_OPCODE, TEXT_OPCODE, MaskCheck, frame, is_close_code
from tests.conformance.frames import frame as client_frame

SIZES = st.one_of(st.integers(0, 10), st.sampled_from([125, 126, 127, 255, 256, 65_535, 65_536]))
MASK = b"\xff\x80\x7e\x7f"
"""Bytes that look like lengths and heads where they are not."""


def unmasked(size: int) -> bytes:
    return client_frame(BINARY_OPCODE, b"\x81" * size, mask=None)


@st.composite
def frames_of_a_client(draw: st.DrawFn) -> list[bytes]:
    """Right ones, of all kinds of sizes, with bytes inside that look like heads."""
    sizes = draw(st.lists(SIZES, max_size=8))
    filler = draw(st.sampled_from([b"\x01", b"\x7e", b"\x81", b"\xff"]))
    return [client_frame(TEXT_OPCODE, filler * size, mask=MASK) for size in sizes]


@st.composite
def pieces_of(draw: st.DrawFn, data: bytes) -> list[bytes]:
    """The same bytes, cut anywhere; some pieces may be empty."""
    near_heads = st.integers(0, min(len(data), 40))
    anywhere = st.integers(0, len(data))
    cuts = draw(st.lists(st.one_of(near_heads, anywhere), max_size=20))
    return [data[start:end] for start, end in pairwise([0, *sorted(cuts), len(data)])]


@given(frames=frames_of_a_client(), data=st.data())
def test_masked_frames_pass_however_they_are_cut(frames: list[bytes], data: st.DataObject) -> None:
    check = MaskCheck()

    assert all(check.passes(piece) for piece in data.draw(pieces_of(b"".join(frames))))


@given(frames=frames_of_a_client(), size=SIZES, data=st.data())
def test_one_unmasked_frame_among_them_never_passes(
    frames: list[bytes], size: int, data: st.DataObject
) -> None:
    check = MaskCheck()
    at = data.draw(st.integers(0, len(frames)))
    sent = b"".join([*frames[:at], unmasked(size), *frames[at:]])

    assert not all(check.passes(piece) for piece in data.draw(pieces_of(sent)))


@given(frames=frames_of_a_client(), size=SIZES)
def test_an_unmasked_frame_is_seen_as_soon_as_its_first_two_bytes_are_there(
    frames: list[bytes], size: int
) -> None:
    check = MaskCheck()
    before = b"".join(frames)

    assert check.passes(before)
    assert check.passes(unmasked(size)[:1])
    assert not check.passes(unmasked(size)[1:2])


@given(frames=frames_of_a_client())
def test_one_byte_at_a_time_is_as_good_as_all_at_once(frames: list[bytes]) -> None:
    sent = b"".join(frame[:200] if len(frame) < 65_000 else b"" for frame in frames)
    check = MaskCheck()
    whole = MaskCheck()

    assert all(check.passes(sent[n : n + 1]) for n in range(len(sent))) == whole.passes(sent)


@given(
    size=st.one_of(st.integers(0, 1000), SIZES),
    opcode=st.sampled_from([TEXT_OPCODE, BINARY_OPCODE]),
)
def test_a_frame_of_the_server_says_its_size_in_as_few_bytes_as_can_be(
    size: int, opcode: int
) -> None:
    written = frame(opcode, b"x" * size)

    assert written == client_frame(opcode, b"x" * size, mask=None)


@given(code=st.integers(0, 65_535))
def test_no_close_code_may_be_sent_that_only_stands_for_the_lack_of_one(code: int) -> None:
    reserved = {1004, 1005, 1006, 1015}

    assert is_close_code(code) == (code in {*range(1000, 1015)} - reserved or 3000 <= code <= 4999)
