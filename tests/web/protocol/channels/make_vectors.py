"""Prints tests/web/vectors-channels.json.

    python -m tests.web.protocol.channels.make_vectors > tests/web/vectors-channels.json

As the other vectors, but of the part of docs/PROTOCOL.md on channels.
"""

from tests.web.protocol.channels import good, refused
from tests.web.protocol.make_vectors import file_of

ABOUT = (
    "What an implementation of the part of docs/PROTOCOL.md on channels answers; "
    "tests/web/protocol/channels/make_vectors.py makes this. Bytes are {'hex': …}; a `device` has "
    "its secrets, a `sender` what its member id is made of, and a recipient what it publishes. "
    "`refused` is the class of the reason: malformed or forged."
)


def text() -> str:
    return file_of(ABOUT, [*good.questions(), *refused.questions()])


if __name__ == "__main__":
    print(text(), end="")
