"""What every HTTP answer must have, and what none may have."""

import re

from server.core.errors import Code
from server.transports.errors import HTTP_STATUS
from tests.transports.wire import Reply

SECURITY_HEADERS = {
    "server": "Hushwire",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}

SWITCHED_OFF = {"camera=()", "geolocation=()", "microphone=()", "payment=()", "usb=()"}

# Names of libraries and of places in the code; Socket.IO as a protocol is no secret.
_LEAK = re.compile(
    r"aiohttp|engineio|python|uvloop|msgspec|llhttp|Traceback|Error\(|site-packages|\.py\b|/work|/usr",
    re.IGNORECASE,
)


def check_answer(reply: Reply) -> None:
    """Security headers are there, and nothing tells how the server is made."""
    missing = SECURITY_HEADERS.items() - reply.headers.items()
    assert not missing, (missing, reply)
    assert set(reply.headers["permissions-policy"].split(", ")) >= SWITCHED_OFF
    text = f"{reply.headers} {reply.body.decode('utf-8', 'replace')}"
    assert not _LEAK.search(text), (_LEAK.search(text), reply)


def problem_of(reply: Reply) -> str:
    """The code of an answer that must be a problem, in both its envelopes."""
    check_answer(reply)
    assert reply.headers["content-type"].startswith("application/problem+json"), reply
    problem = reply.json
    assert problem["type"] == "about:blank"
    assert problem["title"]
    assert problem["status"] == reply.status
    assert problem["success"] is False
    assert problem["error"] == problem["code"]
    assert problem["message"] == problem["detail"] != ""
    assert reply.status in _statuses(problem["code"])
    return str(problem["code"])


def _statuses(word: str) -> set[int]:
    """The statuses that go with a word; a contract's own words go with several codes."""
    statuses = {int(HTTP_STATUS[code]) for code in Code if code.word == word}
    return statuses or {int(status) for status in HTTP_STATUS.values()}
