"""Which clients may be given what only JavaScript takes without harm."""

import re
from collections.abc import Mapping

_JAVASCRIPT = re.compile(r"Mozilla/|node\b|deno\b|bun\b", re.IGNORECASE)

_PYTHONS_TIME = re.compile(r"\d+\.\d+")
"""What python-engineio writes as `t`. Over WebSocket it may have no User-Agent, as Node."""


def speaks_javascript(headers: Mapping[str, str], query: Mapping[str, str]) -> bool:
    """Whether a handshake is of a browser, of Node or the like, or of nobody in particular."""
    agent = headers.get("User-Agent")
    if agent:
        return _JAVASCRIPT.match(agent) is not None
    return not _PYTHONS_TIME.fullmatch(query.get("t", ""))
