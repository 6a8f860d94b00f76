"""A secret is found in whatever form it turns up, and nothing else is."""

import base64
import codecs
import gzip
import json
import os
import random
from urllib.parse import quote, quote_plus

import pytest

from scripts.audit_parts.forms import Needles, Secret, Trace
from scripts.audit_parts.search import MAX_DEPTH, PIECE_BYTES, Search
from tests.audit.conftest import SECRET, traces

PLAIN = SECRET.encode()


def escaped(character):
    data = character.encode("utf-16-be")
    units = (int.from_bytes(data[n : n + 2]) for n in range(0, len(data), 2))
    return "".join(f"\\u{unit:04X}" for unit in units)


FORMS = {
    "plain": [PLAIN],
    "UTF-16": [SECRET.encode("utf-16-le"), SECRET.encode("utf-16-be")],
    "UTF-32": [SECRET.encode("utf-32-le")],
    "JSON escapes": [
        json.dumps([SECRET]).encode(),
        # As other languages write it.
        json.dumps([SECRET]).encode().replace(b"/", b"\\/"),
        "".join(one if one.isascii() else escaped(one) for one in SECRET).encode(),
    ],
    "percent escapes": [
        quote(SECRET, safe="").encode(),
        quote_plus(SECRET).encode(),
        quote(SECRET, safe="!'()*").encode(),
        b"?q=" + quote(SECRET, safe="").lower().encode(),
    ],
    "base64": [base64.b64encode(b"x" * n + PLAIN + b"y" * m) for n in range(3) for m in range(3)],
    "base64url": [base64.urlsafe_b64encode(b"x" * n + PLAIN) for n in range(3)],
    "hex": [PLAIN.hex().encode(), PLAIN.hex().upper().encode()],
    "base64 of UTF-16": [base64.b64encode(b"x" * n + SECRET.encode("utf-16-le")) for n in range(3)],
    "base64 of JSON escapes": [
        base64.b64encode(b"x" * n + json.dumps(SECRET).encode()) for n in range(3)
    ],
    "hex of UTF-16": [SECRET.encode("utf-16-be").hex().encode()],
    "hex of base64": [base64.b64encode(b"x" * n + PLAIN).hex().encode() for n in range(3)],
}


@pytest.mark.parametrize("form", FORMS)
def test_a_secret_is_found_in_each_form(whole, form):
    for data in FORMS[form]:
        found = whole.found_in(b"before " + data + b" after")

        assert {one.form.partition(",")[0] for one in found} >= {form}, data
        assert {one.label for one in found} == {"line 1"}


def test_what_only_resembles_a_secret_is_not_found(whole):
    other = SECRET.replace("18e3", "18e4")

    for written in (other, codecs.encode(SECRET, "rot13"), SECRET.upper(), SECRET[:-1]):
        data = written.encode()
        assert not whole.found_in(data + base64.b64encode(data) + data.hex().encode())


def test_bytes_that_are_secret_are_found_as_they_are_and_encoded():
    key = bytes(range(100, 132))
    needles = Needles([Secret("a key", key)])

    assert needles.found_in(b"x" + key) == {Trace("a key", "plain")}
    assert needles.found_in(base64.b64encode(b"x" + key)) == {Trace("a key", "base64")}
    assert needles.found_in(b"\\x" + key.hex().encode()) == {Trace("a key", "hex")}


def test_halves_are_found_only_where_values_may_be_cut(whole):
    cut = Needles([Secret("line 1", SECRET)], cut=True)
    data = SECRET[:19].encode() + b"\0\0\0\7" + SECRET[20:].encode()

    assert cut.found_in(data) == traces("plain (half)")
    assert not whole.found_in(data)


def test_what_is_too_short_to_be_told_from_chance_is_refused():
    with pytest.raises(ValueError, match="line 7 has fewer than 8 characters"):
        Needles([Secret("line 7", "secret")])


# --- streams ---


def searched(needles, data, step):
    search = Search(needles)
    for start in range(0, len(data), step):
        search.feed(data[start : start + step])
    search.finish()
    return search


@pytest.mark.parametrize("offset", [0, PIECE_BYTES - 20, PIECE_BYTES, 3 * PIECE_BYTES - 1])
@pytest.mark.parametrize("step", [4096, PIECE_BYTES, 10 * PIECE_BYTES])
def test_a_secret_is_found_wherever_in_a_stream(whole, offset, step):
    data = bytearray(4 * PIECE_BYTES)
    data[offset : offset + len(PLAIN)] = PLAIN

    search = searched(whole, bytes(data), step)

    assert search.found == traces("plain")
    assert search.size_bytes == 4 * PIECE_BYTES


@pytest.mark.parametrize("ahead_bytes", [0, 1000, PIECE_BYTES - 2, 2 * PIECE_BYTES])
@pytest.mark.parametrize("depth", range(1, MAX_DEPTH + 1))
def test_a_secret_is_found_inside_gzip(whole, ahead_bytes, depth):
    # It packs well, and yet to more than one piece before the secret comes.
    noise = (
        random.Random(7)
        .randbytes(4 * PIECE_BYTES)
        .translate(b"what a server writes to its log\n" * 8)
    )
    data = noise + PLAIN + noise
    for _ in range(depth):
        data = gzip.compress(data, 1)

    search = searched(whole, bytes(ahead_bytes) + data + b"and more", 4096)

    assert search.found >= traces("plain" + ", in gzip" * depth)
    assert not search.found & traces("plain")
    assert search.problem is None


def test_what_looks_like_gzip_and_is_none_does_no_harm(whole):
    heads = b"".join(b"\x1f\x8b\x08\x00" + os.urandom(50) for _ in range(1000))

    search = searched(whole, heads + PLAIN, 4096)

    assert search.found == traces("plain")
    assert search.problem is None
