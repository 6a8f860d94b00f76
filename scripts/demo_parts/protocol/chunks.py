"""Files: sealed in chunks under a key of their own, each bound to its place, told by its hash."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from scripts.demo_parts.protocol.file_names import NAME_CHARS, TYPE_CHARS, file_name, file_type
from scripts.demo_parts.protocol.packing import from_text, of_size, pack, to_text, u64
from scripts.demo_parts.protocol.primitives import (
    HASH_BYTES,
    KEY_BYTES,
    TAG_BYTES,
    digest,
    random,
    seal,
    unseal,
)
from scripts.demo_parts.protocol.refusal import ForgedError, MalformedError

FILE_ID_BYTES = 16
CHUNK_BYTES = 131_072
FILE_BYTES = 67_108_864
PREVIEW_BYTES = 24 * 1024

_NONCE_PREFIX = bytes(16)


@dataclass(frozen=True)
class Note:
    """What a `file` message says. Name and type are the sender's words, in a harmless form.

    Attributes:
        size: Bytes of the file.
        chunk: Bytes of all its chunks but the last.
        hashes: Those of the sealed chunks, one after the other.
        preview: A JPEG picture, or nothing.
    """

    file_id: bytes
    name: str
    type: str
    size: int
    chunk: int
    key: bytes
    hashes: bytes
    preview: bytes | None = None

    @property
    def count(self) -> int:
        """How many chunks there are; of an empty file none."""
        return -(-self.size // self.chunk)

    def said(self) -> dict[str, Any]:
        fields = asdict(self)
        fields["id"] = fields.pop("file_id")
        texts = {name: to_text(one) for name, one in fields.items() if isinstance(one, bytes)}
        return {name: one for name, one in (fields | texts).items() if one is not None}

    def open(self, index: int, sealed: bytes) -> bytes:
        """Open a chunk, if it is the one that was announced.

        Raises:
            ForgedError: It is not.
        """
        at = index * HASH_BYTES
        # Whoever made the hashes could have made them of something larger than the note says.
        is_sized = len(sealed) - TAG_BYTES == min(self.chunk, self.size - index * self.chunk)
        if not is_sized or digest(sealed) != self.hashes[at : at + HASH_BYTES]:
            raise ForgedError(f"chunk {index} is not the one that was announced")
        place = _place(self.file_id, index, self.count)
        return unseal(self.key, _nonce(index), place, sealed)


def seal_file(
    name: str,
    content: bytes,
    chunk_bytes: int = CHUNK_BYTES,
    random_bytes: Callable[[int], bytes] = random,
) -> tuple[Note, list[bytes]]:
    """Seal a file under a key of its own: what to say of it, and its sealed chunks."""
    file_id, key = random_bytes(FILE_ID_BYTES), random_bytes(KEY_BYTES)
    plain = [content[at : at + chunk_bytes] for at in range(0, len(content), chunk_bytes)]
    sealed = [
        seal(key, _nonce(index), _place(file_id, index, len(plain)), chunk)
        for index, chunk in enumerate(plain)
    ]
    hashes = b"".join(map(digest, sealed))
    note = Note(file_id, file_name(name), "", len(content), chunk_bytes, key, hashes)
    return note, sealed


def read_note(said: object) -> Note:
    """Read what a `file` message says.

    Raises:
        MalformedError: It is of another form, or beyond a limit.
    """
    fields = said if isinstance(said, dict) else {}
    name, kind, preview = fields.get("name"), fields.get("type"), fields.get("preview")
    note = Note(
        of_size(from_text(fields.get("id")), FILE_ID_BYTES),
        file_name(_text(name, 1, NAME_CHARS)),
        file_type(_text(kind, 0, TYPE_CHARS)),
        _whole(fields.get("size"), 0, FILE_BYTES),
        _whole(fields.get("chunk"), 1, CHUNK_BYTES),
        of_size(from_text(fields.get("key")), KEY_BYTES),
        from_text(fields.get("hashes")),
        from_text(preview) if "preview" in fields else None,
    )
    of_size(note.hashes, note.count * HASH_BYTES)
    if note.preview and len(note.preview) > PREVIEW_BYTES:
        raise MalformedError("a preview that is too large")
    return note


def _text(value: object, least_chars: int, most_chars: int) -> str:
    if not isinstance(value, str) or not least_chars <= len(value) <= most_chars:
        raise MalformedError("no text, or of a wrong length")
    return value


def _whole(value: object, least: int, most: int) -> int:
    """A whole number as JSON has it, which knows no other than floats."""
    if not isinstance(value, float) or not value.is_integer() or not least <= value <= most:
        raise MalformedError("no whole number, or out of bounds")
    return int(value)


def _nonce(index: int) -> bytes:
    return _NONCE_PREFIX + u64(index)


def _place(file_id: bytes, index: int, count: int) -> bytes:
    return pack(b"hushwire/1/chunk", file_id, u64(index), u64(count))
