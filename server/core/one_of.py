"""Requests that say exactly one of several things."""

from typing import ClassVar

from msgspec import Struct
from msgspec.structs import fields


class OneOf(Struct, frozen=True):
    """A request that says exactly one of some of its fields; null is nothing said.

    Attributes:
        ONE_OF: The names of these fields.
    """

    ONE_OF: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        if sum(getattr(self, name) is not None for name in self.ONE_OF) != 1:
            *others, last = one_of(type(self))
            raise ValueError(f"Expected one of {', '.join(others)} and {last}")


def one_of(request: type[Struct]) -> tuple[str, ...]:
    """The fields of which a request says exactly one, as they are called on the wire."""
    names = getattr(request, "ONE_OF", ())
    return tuple(field.encode_name for field in fields(request) if field.name in names)
