"""Contents: what an opened message says."""

import json
from dataclasses import dataclass
from typing import Any

from scripts.demo_parts.protocol.chunks import Note, read_note
from scripts.demo_parts.protocol.link import MEMBER_ID_BYTES
from scripts.demo_parts.protocol.packing import (
    from_text,
    of_size,
    to_text,
    well_formed,
)
from scripts.demo_parts.protocol.refusal import MalformedError

TEXT_CHARS = 16_000


@dataclass(frozen=True)
class Text:
    text: str

    kind = "text"

    def said(self) -> dict[str, Any]:
        return {"text": well_formed(self.text)}


@dataclass(frozen=True)
class File:
    note: Note

    kind = "file"

    def said(self) -> dict[str, Any]:
        return {"file": self.note.said()}


@dataclass(frozen=True)
class Remove:
    """The creator's word that a member is out."""

    member_id: bytes

    kind = "remove"

    def said(self) -> dict[str, Any]:
        return {"member": to_text(self.member_id)}


Content = Text | File | Remove


def write_content(content: Content) -> bytes:
    return json.dumps(content.said(), ensure_ascii=False, separators=(",", ":")).encode()


def parse(opened: bytes) -> object:
    """Read the JSON of an opened message. Numbers become floats, as a browser has them.

    Raises:
        MalformedError: It is none.
    """
    try:
        return json.loads(opened.decode(), parse_int=float, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise MalformedError("the content is not JSON") from None


def read_content(kind: str, said: object) -> Content:
    """What the parsed JSON of an opened message says.

    Raises:
        MalformedError: It is of a kind or of a form that this version does not know.
    """
    fields = said if isinstance(said, dict) else {}
    if kind == "text" and _is_text(fields.get("text")):
        return Text(well_formed(fields["text"]))
    if kind == "file":
        return File(read_note(fields.get("file")))
    if kind == "remove":
        return Remove(of_size(from_text(fields.get("member")), MEMBER_ID_BYTES))
    raise MalformedError("of a kind or form that this version does not know")


def _is_text(text: object) -> bool:
    return isinstance(text, str) and 1 <= len(text) <= TEXT_CHARS


def _refuse(word: str) -> None:
    raise ValueError(f"{word} is not JSON")
