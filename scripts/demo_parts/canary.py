"""Planted text, and what is looked for of it."""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from scripts.audit_parts import forms
from scripts.demo_parts.protocol.file_names import file_name

_TAIL = "~ë€🐤?>"
"""Looks different in each form."""


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
        values: list[str | bytes] = [*secret_bytes, *texts]
        self._needles = forms.Needles(forms.Secret("ours", one) for one in values)

    def __len__(self) -> int:
        return len(self._needles)

    @property
    def longest_bytes(self) -> int:
        return self._needles.longest_bytes

    def found_in(self, data: bytes) -> set[str]:
        """The names of the forms that occur in the data."""
        return {trace.form for trace in self._needles.found_in(data)}
