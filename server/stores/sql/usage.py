"""How much room the messages of each user take."""

from collections import Counter
from collections.abc import Mapping

from server.stores.sql.steps import Row, Steps, run_many

MESSAGE_BYTES = 256
"""That a message takes besides what it says; also when that was deleted."""

SAID_BYTES = "COALESCE(LENGTH(m.ciphertext), 0) + COALESCE(LENGTH(m.metadata), 0)"
"""What a message `m` says, in SQL."""

TOKEN_BYTES = 16
"""That each token takes by which it is found."""

WORDS_BYTES = (
    f"{TOKEN_BYTES} * (SELECT COUNT(*) FROM word_tokens w "  # noqa: S608
    "WHERE w.room_id = m.room_id AND w.seq = m.seq)"
)
"""What all of its tokens take, in SQL."""

ALL_BYTES = f"{MESSAGE_BYTES} + {SAID_BYTES} + {WORDS_BYTES}"
"""What it takes, in SQL."""


def size_of(ciphertext: bytes, metadata: bytes | None) -> int:
    """What a new message takes."""
    return MESSAGE_BYTES + len(ciphertext) + len(metadata or b"")


def take_up(taken: Mapping[str, int]) -> Steps[None]:
    """Count what users have stored.

    It is the last step of its transaction but for what harms nobody, and in the order of users: so
    no two wait for each other.
    """
    yield from run_many(
        "INSERT INTO stored_bytes (user_id, bytes) VALUES ($1, $2) "
        "ON CONFLICT (user_id) DO UPDATE SET bytes = stored_bytes.bytes + excluded.bytes",
        sorted(taken.items()),
    )


def give_back(freed: list[Row]) -> Steps[None]:
    """The same of what is stored no more: senders, and how much of each, as rows."""
    by_user: Counter[str] = Counter()
    for user_id, size_bytes in freed:
        by_user[user_id] += size_bytes
    yield from run_many(
        "UPDATE stored_bytes SET bytes = bytes - $2 WHERE user_id = $1", sorted(by_user.items())
    )
