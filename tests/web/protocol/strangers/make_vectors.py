"""Prints tests/web/vectors-strangers.json.

    python -m tests.web.protocol.strangers.make_vectors > tests/web/vectors-strangers.json

As the other vectors, but of the part of docs/PROTOCOL.md on groups of strangers.
"""

from tests.web.protocol.make_vectors import file_of
from tests.web.protocol.strangers import good, refused

ABOUT = (
    "What an implementation of the part of docs/PROTOCOL.md on groups of strangers answers; "
    "tests/web/protocol/strangers/make_vectors.py makes this. Bytes are {'hex': …}; a `card` is "
    "what the relay carries, an `identity` a member's two secrets. `refused` is the class of the "
    "reason: malformed or forged."
)


def text() -> str:
    return file_of(ABOUT, [*good.questions(), *refused.questions()])


if __name__ == "__main__":
    print(text(), end="")
