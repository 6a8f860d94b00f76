"""Prints tests/web/vectors.json.

    python -m tests.web.protocol.make_vectors > tests/web/vectors.json

Each vector is a question to an implementation of docs/PROTOCOL.md and its one right answer. All
inputs are fixed, so that it prints the same each time.
"""

from collections.abc import Iterator
from typing import Any

from tests.web.protocol import good, refused
from tests.web.protocol.answers import answer, json_text, to_json
from tests.web.protocol.good import Question

ABOUT = (
    "What an implementation of docs/PROTOCOL.md answers; tests/web/protocol/make_vectors.py makes "
    "this. Bytes are {'hex': …}; a `link` is a link's fragment, a `card` what the relay carries, "
    "an `identity` a member's two secrets. `refused` is the class of the reason: malformed or "
    "forged; of links none, incomplete or newer."
)


def text() -> str:
    return file_of(ABOUT, [*good.questions(), *refused.questions()])


def file_of(about: str, questions: list[Question]) -> str:
    """The file: one vector a line."""
    lines = [json_text(vector) for vector in _answered(questions)]
    return '{"about": ' + json_text(about) + ',\n"vectors": [\n' + ",\n".join(lines) + "\n]}\n"


def _answered(questions: list[Question]) -> Iterator[dict[str, Any]]:
    for about, operation, args in questions:
        plain = to_json(args)
        answered = answer(operation, plain)
        yield {"about": about, "operation": operation, "args": plain, **answered}


if __name__ == "__main__":
    print(text(), end="")
