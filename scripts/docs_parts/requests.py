"""The fields of what clients say."""

from collections.abc import Iterable, Iterator, Sequence

import msgspec
from msgspec import inspect

from scripts.docs_parts.markdown import code, table
from scripts.docs_parts.meanings import fields_of, meaning
from server.transports.api import Api


def fields(apis: Sequence[Api]) -> str:
    meanings: dict[str, dict[str, None]] = {}
    for request in _requests(apis):
        for field in _all_fields_of(request):
            meanings.setdefault(field.encode_name, {})[meaning(field.type)] = None
    rows = ((code(name), "; or ".join(meaning)) for name, meaning in meanings.items())
    return table(("field", "is"), rows)


def _requests(apis: Iterable[Api]) -> Iterator[type[msgspec.Struct]]:
    for api in apis:
        yield from (action.request for action in api.actions.values())
        yield from (route.request for route in api.routes)
        if api.socket:
            yield from (frame.request for frame in api.socket.frames.values())


def _all_fields_of(request: type[msgspec.Struct]) -> Iterator[inspect.Field]:
    """Those of objects inside, too."""
    for field in fields_of(request):
        yield field
        for inner in _structs_in(field.type):
            yield from _all_fields_of(inner)


def _structs_in(kind: inspect.Type) -> Iterator[type[msgspec.Struct]]:
    match kind:
        case inspect.UnionType(types=kinds):
            for one in kinds:
                yield from _structs_in(one)
        case inspect.ListType(item_type=item) | inspect.VarTupleType(item_type=item):
            yield from _structs_in(item)
        case inspect.StructType(cls=cls):
            yield cls
