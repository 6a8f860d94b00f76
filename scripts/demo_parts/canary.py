"""Planted text, and every form in which it could turn up again."""

import base64
import json
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from urllib.parse import quote

from scripts.demo_parts.protocol.file_names import file_name

_TAIL = "~ë€🐤?>"
"""Looks different in each of the forms below."""


@dataclass(frozen=True)
class Canary:
    """Text that occurs nowhere else.

    Attributes:
        stem: The part that survives an encoding which drops what is not ASCII.
        shown: What stands for it in the transcript, which may be kept where it is looked for.
    """

    stem: str
    shown: str

    @property
    def text(self) -> str:
        return self.stem + _TAIL

    def hide(self, text: str) -> str:
        return text.replace(self.text, self.shown).replace(file_name(self.text), self.shown)


def new_canary(shown: str, stem: str | None = None) -> Canary:
    return Canary(stem or f"canary-{secrets.token_hex(8)}", shown)


class Needles:
    """Planted text and secret bytes in every form, to be looked for all at once."""

    def __init__(self, canaries: Iterable[Canary], secret_bytes: Iterable[bytes] = ()) -> None:
        texts = [text for canary in canaries for text in (canary.stem, canary.text)]
        encoded = [*secret_bytes, *(text.encode() for text in texts)]
        self._forms = {form: name for name, form in _forms(TEXT_FORMS, texts)}
        self._forms |= {form: name for name, form in _forms(BYTE_FORMS, encoded)}

    def __len__(self) -> int:
        return len(self._forms)

    @property
    def longest_bytes(self) -> int:
        return max(map(len, self._forms))

    def found_in(self, data: bytes) -> set[str]:
        """The names of the forms that occur in the data."""
        return {name for form, name in self._forms.items() if form in data}


def _forms(
    table: dict[str, Callable[..., Iterable[bytes]]], values: Iterable[str | bytes]
) -> Iterable[tuple[str, bytes]]:
    return (
        (name, form) for value in values for name, make in table.items() for form in make(value)
    )


def _base64_cores(data: bytes) -> Iterable[bytes]:
    """What stays of data in base64, wherever within a group of three bytes it begins."""
    for shift in range(3):
        encoded = base64.b64encode(bytes(shift) + data)
        first_clean = -(-shift * 8 // 6)
        end_clean = (shift + len(data)) * 8 // 6
        yield encoded[first_clean:end_clean]


def _base64url_cores(data: bytes) -> Iterable[bytes]:
    return (core.translate(bytes.maketrans(b"+/", b"-_")) for core in _base64_cores(data))


# UTF-32 and UTF-16 are also how Python holds text with an emoji or a euro sign in memory.
TEXT_FORMS: dict[str, Callable[[str], Iterable[bytes]]] = {
    "UTF-16": lambda text: (text.encode("utf-16-le"), text.encode("utf-16-be")),
    "UTF-32": lambda text: (text.encode("utf-32-le"),),
    "JSON escapes": lambda text: (json.dumps(text)[1:-1].encode(),),
    "percent escapes": lambda text: (quote(text, safe="").encode(),),
}
BYTE_FORMS: dict[str, Callable[[bytes], Iterable[bytes]]] = {
    "base64": _base64_cores,
    "base64url": _base64url_cores,
    "hex": lambda data: (data.hex().encode(), data.hex().upper().encode()),
    "plain": lambda data: (data,),
}
