"""Steps by which nothing is kept under a key of a workspace that has ended.

Whoever seals has read its key before, and may have been stopped since for longer than an old key is
kept. So whoever stores what is sealed holds its key to the end, and whoever ends a key waits.
"""

from collections.abc import Iterable

from server.core.ports.keys import KeyEndedError
from server.stores.sql.steps import Steps, listed, rows

KeyName = tuple[str, int]
"""A workspace, and the version of its key."""

# Asked: these two. Who changes a key, or keeps it under another master key, waits for nobody here.
_KEPT = (
    "SELECT k.workspace_id, k.version FROM json_array_elements($1::json) AS asked "
    "JOIN workspace_keys k ON k.workspace_id = (asked.value ->> 0) "
    "AND k.version = CAST(asked.value ->> 1 AS BIGINT) "
    "ORDER BY k.workspace_id, k.version FOR KEY SHARE OF k"
)


def kept_of(asked: Iterable[KeyName]) -> Steps[set[KeyName]]:
    """Which of these keys are there; they stay so until the end."""
    wanted = sorted(set(asked))
    if not wanted:
        return set()
    found = yield from rows(_KEPT, listed(wanted))
    return {(workspace_id, version) for workspace_id, version in found}


def check_key(workspace_id: str | None, version: int | None) -> Steps[None]:
    """The same of the key under which something is sealed; of none if it is not.

    Raises:
        KeyEndedError: It is not there.
    """
    if workspace_id is None or version is None:
        return
    if not (yield from kept_of([(workspace_id, version)])):
        raise KeyEndedError
