"""From the dialect of `steps` to that of SQLite."""

import functools
import json
import re
from typing import Any

_ANY = re.compile(r"= ANY\(\$(\d+)::\w+\[\]\)")
_PARAMETER = re.compile(r"\$(\d+)")
_ELEMENTS = re.compile(r"json_array_elements\(")
_LOCK = re.compile(r"\s+FOR (NO KEY |KEY )?(UPDATE|SHARE)( OF \w+)?( SKIP LOCKED)?")
_COLLATION = re.compile(r' COLLATE "C"')
_CAST = re.compile(r"::\w+(\[\])?")


@functools.cache
def for_sqlite(sql: str) -> str:
    """The statement as SQLite takes it: it has one writer and needs no locks."""
    sql = _LOCK.sub("", sql)
    sql = _ANY.sub(r"IN (SELECT value FROM json_each(?\1))", sql)
    sql = _ELEMENTS.sub("json_each(", sql)
    sql = _COLLATION.sub("", sql)  # it is its own
    return _PARAMETER.sub(r"?\1", _CAST.sub("", sql))


def arguments_for_sqlite(arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """The arguments; lists as JSON, which SQLite takes apart."""
    return tuple(json.dumps(one) if isinstance(one, list) else one for one in arguments)
