"""The frames of raw WebSockets."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from enum import Enum
from typing import Any, get_type_hints

import msgspec

from scripts.docs_parts.answers import typed
from scripts.docs_parts.markdown import code, table
from scripts.docs_parts.meanings import field_names
from scripts.docs_parts.samples import ASKED, sample, shape
from server.core.errors import AppError, Code
from server.core.identity import User
from server.transports.api import Api, Frame, RawSocket, Words
from server.transports.errors import frame_error
from server.transports.raw.sockets import RENEW, Renew, renewed_words

TURNED_AWAY = frame_error(AppError(Code.INVALID_REQUEST, ""))


def frames(apis: Sequence[Api]) -> str:
    rows = [
        (f"{code(name)}<br>{one.summary}", code(field_names(one.request)), _told_back(one))
        for socket in _sockets(apis)
        for name, one in socket.frames.items()
    ]
    renewing = f"{code(RENEW)}<br>Go on with a newer token of the same device"
    for socket in _sockets(apis):
        (renewed,) = (socket.renewed or renewed_words)(None, sample(User))
        rows.append((renewing, code(field_names(Renew)), _framed(renewed)))
    return table(("frame", "payload", "what comes back"), rows)


def told(apis: Sequence[Api]) -> str:
    """What is told unasked, and `error`."""
    shown = {
        _framed(words): None
        for socket in _sockets(apis)
        for kind, render in socket.events.items()
        for words in _in_all_states(kind, render)
    }
    parts = [one.partition(" ") for one in (*shown, _framed(TURNED_AWAY))]
    return table(("frame", "fields"), [(name, fields) for name, _, fields in parts])


def own(apis: Sequence[Api]) -> str:
    """What the server itself puts into queues."""
    rows = (
        (code(name), code(typed(metadata)), " ".join((metadata.__doc__ or "").split()))
        for socket in _sockets(apis)
        for name, metadata in socket.own.items()
    )
    return table(("event_type", "metadata", ""), rows)


def _sockets(apis: Sequence[Api]) -> list[RawSocket]:
    return [api.socket for api in apis if api.socket]


def _told_back(one: Frame) -> str:
    told = one.render(ASKED, sample(get_type_hints(one.handler)["return"]))
    return ", ".join(map(_framed, told)) or "nothing, but `error` if it is refused"


def _framed(words: Words) -> str:
    fields = {name: value for name, value in words.items() if name != "type"}
    return f"{code(words['type'])} {code(shape(fields))}"


def _in_all_states(kind: type[msgspec.Struct], render: Callable[[Any], Words]) -> Iterator[Words]:
    """What is told of an event, for each word of an enum and each answer that is in it."""
    plain = sample(kind)
    events = [plain]
    for name, hint in get_type_hints(kind).items():
        values = (True, False) if hint is bool else hint if _is_enum(hint) else ()
        events += [msgspec.structs.replace(plain, **{name: value}) for value in values]
    for event in events:
        with suppress(KeyError):  # of some words nobody is told
            yield render(event)


def _is_enum(hint: object) -> bool:
    return isinstance(hint, type) and issubclass(hint, Enum)
