"""What a client is told of a request that is not as it has to be.

The decoder's library speaks of types of Python, and leaves out what there is to choose from.
"""

import ast
import re
from collections.abc import Iterator

from msgspec import inspect

_WORDS = {
    "str": "text",
    "int": "an integer",
    "float": "a number",
    "bool": "true or false",
    "bytes": "base64",
    "datetime": "a time",
    "array": "an array",
    "object": "an object",
}

_TYPES = re.compile(r"(Expected|got) `([a-z]+(?: \| [a-z]+)*)`")
_PATTERN = re.compile(r"matching regex ('.*'|\".*\")(?= - at `|$)")
_NO_CHOICE = re.compile(r"Invalid enum value .* - at `\$([^`]*)`$")
_STEP = re.compile(r"\.(\w+)|\[[^]]*\]")

_NO_BREAK = r"(?!\n)"
"""With which patterns end that allow none at the end."""


def complaint(kind: type, problem: str) -> str:
    """The problem of the library, in words for clients.

    Args:
        kind: The type that a request was to be.
    """
    if missed := _NO_CHOICE.match(problem):
        return f"Expected {' or '.join(_choices(kind, missed[1]))} - at `${missed[1]}`"
    return _PATTERN.sub(_pattern, _TYPES.sub(_types, problem))


def _types(found: re.Match[str]) -> str:
    words = [_WORDS.get(one, one) for one in found[2].split(" | ")]
    return f"{found[1]} {' or '.join(words)}"


def _pattern(found: re.Match[str]) -> str:
    pattern = str(ast.literal_eval(found[1])).removesuffix(_NO_BREAK)
    return f"that matches {pattern}"


def _choices(kind: type, path: str) -> list[str]:
    """What may stand at a place of a request."""
    shapes = list(_members(inspect.type_info(kind)))
    for step in _STEP.finditer(path):
        shapes = [inner for shape in shapes for inner in _inside(shape, step[1])]
    return [str(value) for shape in shapes for value in _values(shape)]


def _members(shape: inspect.Type) -> Iterator[inspect.Type]:
    """A type, or the types of a union."""
    match shape:
        case inspect.UnionType(types=kinds):
            for one in kinds:
                yield from _members(one)
        case inspect.Metadata(type=plain):
            yield from _members(plain)
        case _:
            yield shape


def _inside(shape: inspect.Type, name: str | None) -> Iterator[inspect.Type]:
    """The types of a field, or, without a name, of the elements."""
    match shape:
        case inspect.StructType(fields=fields) if name:
            for field in fields:
                if field.encode_name == name:
                    yield from _members(field.type)
        case inspect.ListType(item_type=item) | inspect.VarTupleType(item_type=item) if not name:
            yield from _members(item)


def _values(shape: inspect.Type) -> Iterator[object]:
    match shape:
        case inspect.LiteralType(values=values):
            yield from values
        case inspect.EnumType(cls=cls):
            yield from (one.value for one in cls)
