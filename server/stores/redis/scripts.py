"""Lua scripts: one file, one atomic operation."""

import hashlib
from functools import cache
from importlib.resources import files

from msgspec import Struct


class Script(Struct, frozen=True):
    """A script by its name, such as `rooms/join`."""

    name: str

    def text(self, publish: str) -> str:
        """All of it: what all begin with, and its own file.

        Args:
            publish: The command by which events are published.
        """
        return f"local PUBLISH = '{publish}'\n{_read('lib')}\n{_read(self.name)}"


@cache
def _read(name: str) -> str:
    return files(__package__).joinpath(f"lua/{name}.lua").read_text("utf-8")


@cache
def sha1_of(text: str) -> str:
    """The name by which Redis knows a script."""
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
