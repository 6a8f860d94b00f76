"""The words of a text, by which it is found."""

import re
import unicodedata
from collections.abc import Iterator
from itertools import chain, groupby, islice, pairwise

MAX_WORDS = 256
"""Of one text; what comes after so many others is not found."""

MAX_TEXT_CHARS = 16_384
"""Of a text that are looked at."""

MIN_CHARS, MAX_CHARS = 2, 64
"""Of a word; those that are longer or shorter are not found."""

MAX_MARKS = 30
"""On one letter; no script has more. To put n of them in order takes n * n steps."""

_PLANES = (range(0x20000), range(0xE0100, 0xE01F0))
"""Where all marks of Unicode are."""

_MARKS = "".join(
    char for char in map(chr, chain(*_PLANES)) if unicodedata.category(char).startswith("M")
)


def _ranges(chars: str) -> Iterator[str]:
    """Characters, in their order, as a class of an expression names them: from each to each."""
    numbered = enumerate(map(ord, chars))
    for _, run in groupby(numbered, lambda one: one[1] - one[0]):
        points = [point for _, point in run]
        yield f"{chr(points[0])}-{chr(points[-1])}"


_MARK = "".join(_ranges(_MARKS))

_RUN = re.compile(rf"(?:[^\W_]++|[{_MARK}]++)++")
"""What stands between two characters that are no letters, no marks and no digits."""

_HEAPED = re.compile(rf"([{_MARK}]{{{MAX_MARKS}}})[{_MARK}]+")

_ASCII_RUN = re.compile("[0-9a-z]+")

_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
_UNSPACED += "\U00020000-\U0003ffff"
"""Thai, Lao, Burmese, Khmer, Japanese and Chinese: no spaces between words."""

_PARTS = re.compile(rf"([{_UNSPACED}]+)|[^{_UNSPACED}]+")


def words(text: str) -> tuple[str, ...]:
    """The words of a text, each once, in their order; equal where case and form alone differ.

    Of scripts that put no spaces between words, each two characters side by side are one.
    """
    read = text[:MAX_TEXT_CHARS]
    light = read if read.isascii() else _HEAPED.sub(r"\1", read)
    short = unicodedata.normalize("NFKC", light).casefold()
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
