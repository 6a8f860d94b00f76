"""The heads of answers that we write ourselves."""

import time
from collections.abc import Mapping
from email.utils import formatdate

_newest_date = (0, "")


def head(status: int, reason: str, headers: Mapping[str, str]) -> bytes:
    """The head of an answer, `Date` included (section 6.6.1 of RFC 9110)."""
    lines = [f"HTTP/1.1 {status} {reason}", f"Date: {_date()}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join((*lines, "", "")).encode("utf-8", "surrogateescape")


def _date() -> str:
    """Of this second, made once."""
    global _newest_date  # noqa: PLW0603 - it is the same for all
    now_s = int(time.time())
    if _newest_date[0] != now_s:
        _newest_date = (now_s, formatdate(now_s, usegmt=True))
    return _newest_date[1]
