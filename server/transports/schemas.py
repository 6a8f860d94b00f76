"""JSON schemas of what goes over a wire, from the types that say it in the code."""

import inspect
from typing import Any

import msgspec

from server.core.limits import Bounds
from server.core.one_of import one_of
from server.transports.decode import schema_of

Json = dict[str, Any]

_REF = "#/components/schemas/{name}"


class Schemas:
    """JSON schemas of types, with those that have names once for all.

    Attributes:
        components: By name.
    """

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self.components: Json = {}

    def of(self, kind: Any) -> Json:
        (schema,), named = msgspec.json.schema_components(
            [kind], schema_hook=self._of_custom, ref_template=_REF
        )
        self._keep(named)
        return schema

    def of_fields(self, request: type[msgspec.Struct]) -> tuple[dict[str, Json], set[str]]:
        """The schemas of the fields of a request, and which of them must be there."""
        fields = msgspec.structs.fields(request)
        (_,), named = msgspec.json.schema_components(
            [request], schema_hook=self._of_custom, ref_template=_REF
        )
        whole = _plain(named.pop(request.__name__))
        self._keep(named)
        required = {field.encode_name for field in fields if field.required}
        return {name: _said(schema) for name, schema in whole["properties"].items()}, required

    def _keep(self, named: Json) -> None:
        for name, schema in named.items():
            if self.components.setdefault(name, _plain(schema)) != _plain(schema):
                raise ValueError(f"two types are called {name}")

    def _of_custom(self, kind: type) -> Json:
        return schema_of(kind, self._bounds)


def choice_of(request: type[msgspec.Struct]) -> Json:
    """What the schema of a request says besides, if exactly one of some fields is to be said."""
    names = one_of(request)
    if not names:
        return {}
    nothing: Json = {"const": None}
    unsaid = dict.fromkeys(names, nothing)
    choices = [
        {"title": name, "required": [name], "properties": {**unsaid, name: {"not": nothing}}}
        for name in names
    ]
    return {"oneOf": choices}


def _plain(schema: Json) -> Json:
    """The same, with the description as text in lines."""
    if "description" in schema:
        return {**schema, "description": inspect.cleandoc(schema["description"])}
    return schema


def _said(schema: Json) -> Json:
    """A field without the default that only says that it may be absent."""
    return {name: value for name, value in schema.items() if (name, value) != ("default", None)}
