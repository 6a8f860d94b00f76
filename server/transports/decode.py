"""From what came off the wire to a typed request: the only validation there is.

Requests are frozen structs; the types of their fields carry the rules. `Decoder` knows the
bounds of this installation, hence is made once by the composition root.
"""

import json
import math
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from server.core.errors import AppError, Code
from server.core.identity import is_blank, is_one_line
from server.core.ids import (
    DeviceId,
    DocumentId,
    EventId,
    FileId,
    MessageId,
    NumericUserId,
    Recipient,
    RoomId,
    UserId,
    WorkspaceId,
)
from server.core.jws import MAX_TOKEN_CHARS
from server.core.limits import Bounds
from server.core.opaque import Opaque
from server.transports.api import DisplayName, FileName, GroupId, Key, RoomName, Token
from server.transports.complaints import complaint

T = TypeVar("T", bound=msgspec.Struct)

MAX_SAFE_INTEGER = 2**53 - 1
"""The largest integer that a JavaScript client can write and read back."""


_NAMES = {DisplayName, RoomName, FileName}

_USERS = {UserId, Recipient}
"""What may come as a number."""


class BinaryInsideError(Exception):
    """What is to be JSON holds binary, for which JSON has no word."""


class Decoder:
    """Makes requests of one installation's bounds."""

    def __init__(self, bounds: Bounds) -> None:
        self._makers: dict[type, Callable[[Any], Any]] = {
            kind: _text_maker(kind, *chars, is_one_line if kind in _NAMES else str.isprintable)
            for kind, chars in _chars_of(bounds).items()
        }
        self._makers[RoomId] = _room_id_maker(bounds)
        self._makers[UserId] = _user_id_maker(self._makers[UserId])
        self._makers[Recipient] = _user_id_maker(self._makers[Recipient])
        self._makers[Opaque] = Opaque

    def request(self, kind: type[T], payload: Any) -> T:
        """Check a payload against a request type; unknown fields are left out.

        Raises:
            AppError: INVALID_REQUEST, naming the field.
        """
        return self._convert(kind, payload, strict=True)

    def query(self, kind: type[T], query: dict[str, str]) -> T:
        """The same for a query string, whose numbers are text, and which has no word for null."""
        made = self._convert(kind, query, strict=False)
        for field in msgspec.structs.fields(kind):
            if field.encode_name in query and getattr(made, field.name) is None:
                problem = f"leave it out, or give it a value - at `$.{field.encode_name}`"
                raise AppError(Code.INVALID_REQUEST, problem)
        return made

    def _convert(self, kind: type[T], payload: Any, *, strict: bool) -> T:
        try:
            return msgspec.convert(payload, kind, strict=strict, dec_hook=self._make)
        except msgspec.ValidationError as error:
            raise AppError(Code.INVALID_REQUEST, complaint(kind, str(error))) from None
        except RecursionError:
            raise AppError(Code.INVALID_REQUEST, "nests too deeply") from None

    def _make(self, kind: type, value: Any) -> Any:
        return self._makers[kind](value)


def _chars_of(bounds: Bounds) -> dict[type[str], tuple[int, int]]:
    """How many characters each kind of text has, at least and at most."""
    return {
        UserId: (1, bounds.id_chars),
        MessageId: (1, bounds.id_chars),
        EventId: (1, bounds.id_chars),
        DeviceId: (1, bounds.id_chars),
        Recipient: (0, bounds.id_chars),
        RoomId: (1, bounds.id_chars + 1 + bounds.key_chars),
        GroupId: (1, bounds.id_chars),
        WorkspaceId: (1, bounds.id_chars),
        DocumentId: (1, bounds.id_chars),
        FileId: (1, bounds.id_chars),
        Key: (0, bounds.key_chars),
        Token: (1, MAX_TOKEN_CHARS),
        DisplayName: (0, bounds.name_chars),
        RoomName: (1, bounds.name_chars),
        FileName: (1, bounds.name_chars),
    }


def schema_of(kind: type, bounds: Bounds) -> dict[str, Any]:
    """The JSON schema of a type of which the decoder makes values."""
    if kind is Opaque:
        return {"description": "Any JSON value, relayed as it is"}
    min_chars, max_chars = _chars_of(bounds)[kind]
    text = {"type": "string", "minLength": min_chars, "maxLength": max_chars}
    if kind is RoomName:
        return {**text, "pattern": r"\S"}
    if kind in _USERS:
        number = {"type": "integer", "minimum": -MAX_SAFE_INTEGER, "maximum": MAX_SAFE_INTEGER}
        return {"anyOf": [text, number]}
    return text


def _text_maker(
    kind: type[str], min_chars: int, max_chars: int, is_fine: Callable[[str], bool]
) -> Callable[[Any], str]:
    def make(value: Any) -> str:
        if not isinstance(value, str):
            raise ValueError(f"Expected text, got {_json_type(value)}")
        if not min_chars <= len(value) <= max_chars:
            raise ValueError(f"Expected {min_chars} to {max_chars} characters")
        if not is_fine(value):
            raise ValueError("Expected printable characters only")
        if kind is RoomName and is_blank(value):
            raise ValueError("Expected something to see in it")
        return kind(value)

    return make


def _room_id_maker(bounds: Bounds) -> Callable[[Any], str]:
    """An id, or an id and a key with a colon between them; each within its own bound."""
    make = _text_maker(RoomId, *_chars_of(bounds)[RoomId], str.isprintable)

    def make_room_id(value: Any) -> str:
        made = make(value)
        if len(made) > bounds.id_chars or ":" in made:
            name, _, key = made.partition(":")
            if len(name) > bounds.id_chars or len(key) > bounds.key_chars:
                raise ValueError(f"Expected 1 to {bounds.id_chars} characters before any colon")
        return made

    return make_room_id


def _user_id_maker(make_text: Callable[[Any], str]) -> Callable[[Any], str]:
    def make(value: Any) -> str:
        if type(value) is int:
            if abs(value) > MAX_SAFE_INTEGER:
                raise ValueError("Expected an integer that JavaScript can hold")
            return NumericUserId(value)
        return make_text(value)

    return make


def _json_type(value: Any) -> str:
    names = {dict: "an object", list: "an array", bool: "a boolean", bytes: "binary"}
    return "null" if value is None else names.get(type(value), "a number")


def parse_json(text: str) -> Any:
    """Strict JSON: no NaN, no Infinity, no number beyond a float's range.

    A lone surrogate, which `"😀".slice(0, 1)` makes in a browser, becomes U+FFFD.

    Raises:
        ValueError: It is not JSON. (RecursionError: it nests some hundred levels deep.)
    """
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        if "\\u" not in text:
            raise ValueError(str(error)) from None
    value = json.loads(text, parse_constant=_refuse, parse_float=_finite)
    whole = json.dumps(value, ensure_ascii=False).encode("utf-16-le", "surrogatepass")
    return msgspec.json.decode(whole.decode("utf-16-le", "replace"))


def to_json(value: Any) -> str:
    """Compact JSON that every browser reads; a numeric user id becomes a number again.

    Raises:
        BinaryInsideError: An opaque value holds binary.
    """
    return to_json_bytes(value).decode()


def to_json_bytes(value: Any) -> bytes:
    """The same in UTF-8."""
    return _ENCODER.encode(value)


def _plain_opaque(value: Opaque) -> Any:
    if value.has_binary:
        raise BinaryInsideError
    return value.json()


_PLAIN: dict[type, Callable[[Any], Any]] = {
    Opaque: _plain_opaque,
    NumericUserId: int,
    **dict.fromkeys(
        (
            UserId,
            Recipient,
            DeviceId,
            EventId,
            MessageId,
            RoomId,
            WorkspaceId,
            DocumentId,
            FileId,
            DisplayName,
            RoomName,
            FileName,
            Key,
        ),
        str,
    ),
}


def _plain(value: Any) -> Any:
    try:
        return _PLAIN[type(value)](value)
    except KeyError:
        raise TypeError(f"{type(value).__name__} cannot go over the wire") from None


def to_plain_json(value: Any) -> str:
    """The same, with binary as base64, for a wire that has nothing else."""
    return _PLAIN_ENCODER.encode(value).decode()


def _plainer(value: Any) -> Any:
    return value.value if isinstance(value, Opaque) and value.has_binary else _plain(value)


_ENCODER = msgspec.json.Encoder(enc_hook=_plain)
_PLAIN_ENCODER = msgspec.json.Encoder(enc_hook=_plainer)


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is not JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError("a number is out of range")
    return number
