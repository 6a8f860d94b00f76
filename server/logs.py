"""Logging as one JSON object a line, without anything that people said or are called.

Log an event of interest with a constant name and fields of your own choice:
`log.info("http_request", extra={"fields": {"route": "/health"}})`.
"""

import itertools
import json
import logging
import secrets
import sys
import traceback
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

OURS = "hushwire"

_process = secrets.token_hex(4)
_requests = itertools.count(1)
_request: ContextVar[int] = ContextVar("request", default=0)


def begin_request() -> None:
    """Have a request or an event be handled from here on, under an id of its own."""
    _request.set(next(_requests))


def request_id() -> str:
    """The id of what is being handled; part of every line and of `internal` answers.

    It is unique among all processes, and tells nobody anything but this process's log.
    """
    number = _request.get()
    return f"{_process}{number:08x}" if number else ""


class JsonFormatter(logging.Formatter):
    """Writes only what our own code chose to log.

    The texts of libraries, and of exceptions, may quote what a client sent; of those only
    the logger's name, the exception's type and the places in the code are written.

    Args:
        worker: The number of this process, if it is one of many.
    """

    def __init__(self, worker: int | None = None) -> None:
        super().__init__()
        self._worker = {} if worker is None else {"worker": worker}

    def format(self, record: logging.LogRecord) -> str:
        is_ours = record.name.split(".", 1)[0] == OURS
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage() if is_ours else "library",
            **self._worker,
        }
        if not is_ours:
            line["library"] = record.name
        if current := request_id():
            line["request_id"] = current
        line.update(getattr(record, "fields", {}))
        if record.exc_info and record.exc_info[0]:
            line["exception"] = record.exc_info[0].__name__
            line["at"] = [
                f"{frame.filename.rpartition('/')[2]}:{frame.lineno}:{frame.name}"
                for frame in traceback.extract_tb(record.exc_info[2])
            ]
        return json.dumps(line, ensure_ascii=False)


def configure(*, verbose: bool, worker: int | None = None) -> None:
    """Send all logging to standard error: ours in full, libraries' errors only."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(worker))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.ERROR)
    logging.getLogger(OURS).setLevel(logging.DEBUG if verbose else logging.INFO)
