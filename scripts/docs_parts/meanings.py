"""What a field may be: its type says it, and the decoder how long."""

import bisect
from typing import NamedTuple

import msgspec
from msgspec import inspect

from scripts.docs_parts.markdown import code
from server.core.errors import AppError
from server.core.opaque import Opaque
from server.settings import load
from server.transports.decode import Decoder

BOUNDS = load({}).bounds

LONGEST_TRIED = 1 << 16

NO_BREAK = r"(?!\n)"
"""Behind patterns: Python's `$` also stands before a last line break."""


class Text(NamedTuple):
    """What a text may be, and whether an integer may stand in its place."""

    min_chars: int
    max_chars: int
    may_join: bool  # has odd spaces and joiners, as names in many scripts do
    or_integer: bool


def field_names(request: type[msgspec.Struct], besides: str = "") -> str:
    """The names, but those that stand in a path."""
    shown = (
        f"{one.encode_name}{'' if one.required else '?'}"
        for one in fields_of(request)
        if f"{{{one.encode_name}}}" not in besides
    )
    return f"{{{', '.join(shown)}}}"


def fields_of(request: type[msgspec.Struct]) -> tuple[inspect.Field, ...]:
    described = inspect.type_info(request)
    assert isinstance(described, inspect.StructType)
    return described.fields


def meaning(kind: inspect.Type) -> str:
    match kind:
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType(ge=low, le=high):
            return f"an integer from {low} to {high}"
        case inspect.BytesType(min_length=low):
            return f"base64 of {low} bytes"
    return _meaning_of_text(kind)


def _meaning_of_text(kind: inspect.Type) -> str:
    match kind:
        case inspect.LiteralType(values=values):
            return " or ".join(code(str(value)) for value in values)
        case inspect.EnumType(cls=cls):
            return " or ".join(code(str(one.value)) for one in cls)
        case inspect.StrType(pattern=None, min_length=low, max_length=None):
            return f"text of at least {low or 0} characters"
        case inspect.StrType(pattern=None, min_length=low, max_length=high):
            return f"text of {low or 0} to {high} characters"
        case inspect.StrType(pattern=pattern):
            return f"text that matches {code(str(pattern).removesuffix(NO_BREAK))}"
        case inspect.CustomType(cls=cls) if cls is Opaque:
            return "opaque: any JSON value, with binary anywhere in it"
        case inspect.CustomType(cls=cls):
            text = _text(cls)
            characters = "characters, no control ones" if text.may_join else "printable characters"
            integer = "; or an integer" if text.or_integer else ""
            return f"text of {text.min_chars} to {text.max_chars} {characters}{integer}"
    return _of_parts(kind)


def _of_parts(kind: inspect.Type) -> str:
    match kind:
        case inspect.UnionType(types=kinds):
            given = (one for one in kinds if not isinstance(one, inspect.NoneType))
            return "; or ".join(meaning(one) for one in given)
        case (
            inspect.ListType(item_type=item, max_length=longest)
            | inspect.VarTupleType(item_type=item, max_length=longest)
        ):
            most = "" if longest is None else f" of at most {longest}"
            return f"an array{most}, each {meaning(item)}"
        case inspect.StructType(cls=cls):
            return f"an object {code(field_names(cls))}"
        case inspect.AnyType():
            return "any JSON value"
        case inspect.DateTimeType():
            return "a time in ISO 8601"
        case inspect.Metadata(extra_json_schema={"description": str(description)}):
            return description
        case inspect.Metadata(type=plain):
            return meaning(plain)
    raise TypeError(f"nothing is written for fields that are {kind}")


def _text(kind: type) -> Text:
    refused = bisect.bisect_left(
        range(1, LONGEST_TRIED), True, key=lambda chars: not _accepts(kind, "x" * chars)
    )
    joiner = "\u200d"
    return Text(0 if _accepts(kind, "") else 1, refused, _accepts(kind, joiner), _accepts(kind, 1))


def _accepts(kind: type, value: object) -> bool:
    probe = msgspec.defstruct("Probe", [("it", kind)])
    try:
        Decoder(BOUNDS).request(probe, {"it": value})
    except AppError:
        return False
    return True
