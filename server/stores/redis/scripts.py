"""Lua scripts: one file, one atomic operation."""

import hashlib
from functools import cache
from importlib.resources import files

from msgspec import Struct


class Script(Struct, frozen=True):
    """A script by its name, such as `rooms/join`.

    Attributes:
        preludes: Files that it needs beside `lib.lua`, which all begin with.
        is_kept: What it has changed must outlive the server that it ran on, where that has a
            replica: it is answered only when the replica has it too.
        constants: Names, with numbers or texts, that all of it knows.
    """

    name: str
    preludes: tuple[str, ...] = ()
    is_kept: bool = False
    constants: tuple[tuple[str, int | str], ...] = ()


class Source(Struct, frozen=True):
    """All of a script's text, and the name by which Redis knows it."""

    text: str
    sha1: str


@cache
def source(script: Script, publish: str) -> Source:
    """A script as Redis takes it.

    Args:
        publish: The command by which events are published.
    """
    parts = ("lib", *script.preludes, script.name)
    constants = (f"local {name} = {value!r}" for name, value in script.constants)
    text = "\n".join((f"local PUBLISH = '{publish}'", *constants, *map(_read, parts)))
    return Source(text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


@cache
def _read(name: str) -> str:
    return files(__package__).joinpath(f"lua/{name}.lua").read_text("utf-8")
