"""The fields of what is answered and told, by the types of it."""

import json
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints, is_typeddict


def names_of(kind: Any) -> str:
    """The names of fields that a good answer has, and of those in objects that it always has."""
    filled = dict(zip(getattr(get_origin(kind), "__parameters__", ()), get_args(kind), strict=True))
    plain = get_origin(kind) or kind
    shown = []
    for name, hint in get_type_hints(plain).items():
        held = filled.get(hint, hint)
        inner = f": {names_of(held)}" if is_typeddict(get_origin(held) or held) else ""
        shown.append(f"{name}{'?' if name in plain.__optional_keys__ else ''}{inner}")
    return f"{{{', '.join(shown)}}}"


def typed(kind: Any) -> str:
    """The fields of a type, with what they are where that is one of a few things."""
    if get_origin(kind) is list:
        return f"[{typed(get_args(kind)[0])}]"
    optional = kind.__optional_keys__
    shown = (
        f"{name}{'?' if name in optional else ''}{_meant(hint)}"
        for name, hint in get_type_hints(kind).items()
    )
    return f"{{{', '.join(shown)}}}"


def _meant(hint: Any) -> str:
    if hint is NoneType:
        return ": null"
    if get_origin(hint) is Literal:
        words = (one if isinstance(one, str) else json.dumps(one) for one in get_args(hint))
        return f": {' | '.join(words)}"
    is_list_of_types = get_origin(hint) is list and is_typeddict(get_args(hint)[0])
    if is_list_of_types or is_typeddict(hint):
        return f": {typed(hint)}"
    return ""
