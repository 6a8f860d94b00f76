"""Names of files, in the one form in which they are sent, shown and saved."""

import re

from scripts.demo_parts.protocol.packing import well_formed

NAME_CHARS = 255
TYPE_CHARS = 127

_INSTEAD = "_"
_NAMELESS = "file"

_NOWHERE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff"
    r'"*/:<>?\\|]'
)
"""What leads elsewhere, or is not seen and turns or hides what is."""

_BLANK = r"[. \u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]"
_NOT_AT_THE_ENDS = re.compile(rf"\A{_BLANK}|{_BLANK}\Z")
_RESERVED = re.compile(r"(?=(?:con|prn|aux|nul|(?:com|lpt)[0-9¹²³]) *(?:\.|\Z)).", re.IGNORECASE)
"""The first letter of a device of Windows, whatever ending stands behind."""

_TYPE = re.compile(r"[ -~]*")


def file_name(text: str) -> str:
    """A name as others may be shown it, and save it. Of what is one already, nothing changes."""
    name = _NOWHERE.sub(_INSTEAD, well_formed(text)[-NAME_CHARS:])
    name = _NOT_AT_THE_ENDS.sub(_INSTEAD, name)
    if _RESERVED.match(name):
        name = _INSTEAD + name[1:]
    return name or _NAMELESS


def file_type(text: str) -> str:
    """A media type; nothing if it cannot be one."""
    return text if _TYPE.fullmatch(text) and len(text) <= TYPE_CHARS else ""
