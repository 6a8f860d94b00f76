"""The words of a text, by which it is found."""

import re
import unicodedata
from collections.abc import Iterator
from itertools import chain, islice, pairwise

MAX_WORDS = 256
"""Of one text; what comes after so many others is not found."""

MAX_TEXT_CHARS = 16_384
"""Of a text that are looked at."""

MIN_CHARS, MAX_CHARS = 2, 64
"""Of a word; those that are longer or shorter are not found."""

_PLANES = (range(0x20000), range(0xE0100, 0xE01F0))
"""Where all marks of Unicode are."""

_MARKS = "".join(
    char for char in map(chr, chain(*_PLANES)) if unicodedata.category(char).startswith("M")
)

_RUN = re.compile(rf"(?:[^\W_]|[{_MARKS}])+")
"""What stands between two characters that are no letters, no marks and no digits."""

_ASCII_RUN = re.compile("[0-9a-z]+")

_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
_UNSPACED += "\U00020000-\U0003ffff"
"""Thai, Lao, Burmese, Khmer, Japanese and Chinese: no spaces between words."""

_PARTS = re.compile(rf"([{_UNSPACED}]+)|[^{_UNSPACED}]+")


def words(text: str) -> tuple[str, ...]:
    """The words of a text, each once, in their order; equal where case and form alone differ.

    Of scripts that put no spaces between words, each two characters side by side are one.
    """
    short = unicodedata.normalize("NFKC", text[:MAX_TEXT_CHARS]).casefold()
    folded = unicodedata.normalize("NFKC", short)[:MAX_TEXT_CHARS]
    runs = dict.fromkeys((_ASCII_RUN if folded.isascii() else _RUN).findall(folded))
    found = dict.fromkeys(chain.from_iterable(map(_parts, runs)))
    return tuple(islice(found, MAX_WORDS))


def _parts(run: str) -> Iterator[str]:
    for part in _PARTS.finditer(run):
        if part[1]:
            yield from map("".join, pairwise(part[1])) if len(part[1]) > 1 else part[1]
        elif MIN_CHARS <= len(part[0]) <= MAX_CHARS:
            yield part[0]
