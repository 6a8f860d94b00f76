"""A secret in every form in which it could turn up."""

import base64
import itertools
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, Self
from urllib.parse import quote, quote_plus

MIN_BYTES = 8
"""What is shorter turns up by chance, at the latest in base64."""

HALF_MIN_BYTES = 12

_WORD_BYTES = 8
_HAS_WORD_BYTES = 2 * _WORD_BYTES - 1
"""What is as long covers a whole word, wherever in its data it begins."""


class Secret(NamedTuple):
    """What nobody may find; `label` stands for it wherever it is told of."""

    label: str
    value: str | bytes


_HALF = " (half)"


class Trace(NamedTuple):
    """Which secret was found, and in which form."""

    label: str
    form: str

    @property
    def whole(self) -> Self:
        """Of a half, what the whole would be; else the same."""
        return self._replace(form=self.form.replace(_HALF, "")) if _HALF in self.form else self


class Needles:
    """All secrets in all forms, to be looked for at once.

    They are tens of thousands, so data is not gone through for each of them, but once, word by
    word: only those with one of its words in them can be there. Few are too short for that.

    Args:
        cut: Look for the halves of each as well: the pages of a database file cut long values
            in two, and one of the halves is then whole.

    Raises:
        ValueError: A secret is too short to be told from chance.
    """

    def __init__(self, secrets: Iterable[Secret], *, cut: bool = False) -> None:
        self._traces: dict[bytes, Trace] = {}
        for label, value in secrets:
            if len(value) < MIN_BYTES:
                raise ValueError(f"{label} has fewer than {MIN_BYTES} characters")
            for form, found in forms_of(value):
                self._traces.setdefault(found, Trace(label, form))
            for half in _halves(value) if cut else ():
                for form, found in forms_of(half):
                    self._traces.setdefault(found, Trace(label, form + _HALF))
        self.longest_bytes = max(map(len, self._traces), default=0)
        self._short = [one for one in self._traces if len(one) < _HAS_WORD_BYTES]
        self._having: dict[int, list[bytes]] = {}
        for found in self._traces.keys() - set(self._short):
            for start in range(_WORD_BYTES):
                word = int.from_bytes(found[start : start + _WORD_BYTES], sys.byteorder)
                self._having.setdefault(word, []).append(found)

    def __len__(self) -> int:
        return len(self._traces)

    def found_in(self, data: bytes) -> set[Trace]:
        words = memoryview(data)[: len(data) // _WORD_BYTES * _WORD_BYTES].cast("Q")
        having = itertools.chain(*(self._having[word] for word in self._having.keys() & words))
        return {self._traces[one] for one in {*having, *self._short} if one in data}


def forms_of(value: str | bytes) -> Iterator[tuple[str, bytes]]:
    """Each form by its name; the same bytes may come under several, the plainest first."""
    written = dict(_written(value)) if isinstance(value, str) else {"plain": value}
    for form, data in written.items():
        yield form, data
    for how, encode in ENCODED.items():
        for form, data in written.items():
            name = how if form == "plain" else f"{how} of {form}"
            for encoded in encode(data):
                yield name, encoded


def _written(text: str) -> Iterator[tuple[str, bytes]]:
    # With a number behind where one form has several ways.
    for form, write in WRITTEN.items():
        ways = dict.fromkeys(write(text))
        for number, data in enumerate(ways, start=1):
            yield form if number == 1 else f"{form}, way {number}", data


def _halves(value: str | bytes) -> tuple[str | bytes, ...]:
    middle = len(value) // 2
    return (value[:middle], value[middle:]) if middle >= HALF_MIN_BYTES else ()


def _json(text: str) -> Iterator[bytes]:
    escaped = json.dumps(text)[1:-1]
    yield escaped.encode()
    yield re.sub(r"\\u[0-9a-f]{4}", lambda one: "\\u" + one[0][2:].upper(), escaped).encode()
    yield json.dumps(text, ensure_ascii=False)[1:-1].encode()
    yield escaped.replace("/", "\\/").encode()


def _percent(text: str) -> Iterator[bytes]:
    for escaped in (quote(text, safe=""), quote(text), quote(text, safe="!'()*"), quote_plus(text)):
        yield escaped.encode()
        yield re.sub(r"%..", lambda one: one[0].lower(), escaped).encode()


def base64_cores(data: bytes) -> Iterator[bytes]:
    """What stays of data in base64, wherever within a group of three bytes it begins."""
    for shift in range(3):
        encoded = base64.b64encode(bytes(shift) + data)
        first_clean = -(-shift * 8 // 6)
        end_clean = (shift + len(data)) * 8 // 6
        yield encoded[first_clean:end_clean]


def _base64url_cores(data: bytes) -> Iterator[bytes]:
    return (core.translate(bytes.maketrans(b"+/", b"-_")) for core in base64_cores(data))


def _hex(data: bytes) -> Iterator[bytes]:
    yield data.hex().encode()
    yield data.hex().upper().encode()


def _hex_of_base64(data: bytes) -> Iterator[bytes]:
    """As a dump shows a column of bytes in which there is base64."""
    for core in (*base64_cores(data), *_base64url_cores(data)):
        yield core.hex().encode()


# UTF-32 and UTF-16 are also how Python holds text with an emoji or a euro sign in memory.
WRITTEN: dict[str, Callable[[str], Iterable[bytes]]] = {
    "plain": lambda text: (text.encode(),),
    "UTF-16": lambda text: (text.encode("utf-16-le"), text.encode("utf-16-be")),
    "UTF-32": lambda text: (text.encode("utf-32-le"),),
    "JSON escapes": _json,
    "percent escapes": _percent,
}
ENCODED: dict[str, Callable[[bytes], Iterable[bytes]]] = {
    "base64": base64_cores,
    "base64url": _base64url_cores,
    "hex": _hex,
    "hex of base64": _hex_of_base64,
}
