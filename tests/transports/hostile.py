"""Hostile values, made from the request types themselves: a new field is never forgotten."""

import types
import typing
from collections.abc import Iterator
from typing import Any

import msgspec
from hypothesis import strategies as st

from server.apis.session_relay.requests import NewToken, Sequence, TypeWord
from server.core.ids import MessageId, Recipient, RoomId, UserId
from server.core.opaque import Opaque
from server.transports.api import DisplayName, FileName, Key

SAFE = 2**53 - 1

# What a Socket.IO client can put into a packet: JSON, with every oddity that its grammar has.
_TEXTS = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        ["", " ", "\0", "\r\n", "\x1e", "\u2028", "\ud800", "\udc00x", "\ufeff", "__proto__", "all"]
    ),
    st.sampled_from("abc\x7f\U0001f600").map(lambda character: character * 5000),
)
_NUMBERS = st.one_of(
    st.integers(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0, -0.0, -1, SAFE, SAFE + 1, 2**63, 2**64, 10**300, 5e-324, 1.5]),
)
_LEAVES = st.one_of(st.none(), st.booleans(), _NUMBERS, _TEXTS)
_PLACEHOLDERS = st.fixed_dictionaries({"_placeholder": _LEAVES}, optional={"num": _LEAVES})


def _nested(depth: int) -> Any:
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


_NESTS = st.sampled_from([33, 200, 900]).map(_nested)

VALUES = st.recursive(
    _LEAVES | _PLACEHOLDERS | _NESTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=6,
)
"""Any value that is JSON."""

NOT_OBJECTS = VALUES.filter(lambda value: not isinstance(value, dict))

_TOO_DEEP = _nested(33)
_CONTAINERS = st.one_of(st.lists(_LEAVES, max_size=3), st.dictionaries(_TEXTS, _LEAVES, max_size=3))
_UNPRINTABLE = st.builds(
    lambda before, odd, after: before + odd + after,
    st.text("abc", max_size=3),
    st.sampled_from(["\0", "\t", "\n", "\x1b[2J", "\x7f", "\x85"]),
    st.text("abc", max_size=3),
)


def _bad_text(longest: int, *, may_be_empty: bool, may_be_number: bool = False) -> Any:
    numbers = st.floats(allow_nan=False, allow_infinity=False)
    wrong = [st.booleans(), _CONTAINERS, _UNPRINTABLE, st.just("x" * (longest + 1)), numbers]
    if not may_be_empty:
        wrong.append(st.just(""))
    wrong.append(st.integers(min_value=SAFE + 1) if may_be_number else st.integers())
    return st.one_of(wrong)


# For each type of a field, values that are surely wrong in it; null comes on top.
_WRONG: dict[Any, Any] = {
    RoomId: _bad_text(641, may_be_empty=False),
    UserId: _bad_text(128, may_be_empty=False, may_be_number=True),
    MessageId: _bad_text(128, may_be_empty=False),
    Recipient: _bad_text(128, may_be_empty=True, may_be_number=True),
    DisplayName: _bad_text(512, may_be_empty=True),
    FileName: _bad_text(512, may_be_empty=False),
    Key: _bad_text(512, may_be_empty=True),
    TypeWord: st.one_of(
        st.booleans(), _NUMBERS, _CONTAINERS, _UNPRINTABLE, st.sampled_from(["", "a b", "ä"])
    ),
    NewToken: st.one_of(
        st.booleans(),
        _NUMBERS,
        _CONTAINERS,
        _UNPRINTABLE,
        _TEXTS,
        st.sampled_from(["", "a" * 42, "a" * 129, "+" * 43, "a" * 43 + "="]),
    ),
    Sequence: st.one_of(
        st.booleans(),
        _CONTAINERS,
        _TEXTS,
        st.integers(max_value=-1),
        st.integers(min_value=SAFE + 1),
        st.just(0.5),
    ),
    bool: st.one_of(_NUMBERS, _CONTAINERS, _TEXTS),
    Opaque: st.one_of(
        _PLACEHOLDERS,
        _PLACEHOLDERS.map(lambda placeholder: {"iv": [placeholder]}),
        st.just(_TOO_DEEP),
        st.integers(min_value=2**64),
    ),
}


class Field(msgspec.Struct, frozen=True):
    """A field of a request, as it is called on the wire."""

    name: str
    kind: Any
    is_required: bool
    may_be_null: bool

    @property
    def wrong(self) -> Any:
        """Values that are surely wrong in it."""
        refused = _WRONG[self.kind]
        nothing_is_wrong = self.may_be_null or self.kind is Opaque
        return refused if nothing_is_wrong else refused | st.none()


def fields(request: type[msgspec.Struct]) -> Iterator[Field]:
    hints = typing.get_type_hints(request, include_extras=True)
    for field in msgspec.structs.fields(request):
        kinds = _alternatives(hints[field.name])
        (kind,) = (kind for kind in kinds if kind is not types.NoneType)
        yield Field(field.encode_name, kind, field.required, types.NoneType in kinds)


def _alternatives(hint: Any) -> tuple[Any, ...]:
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return typing.get_args(hint)
    return (hint,)
