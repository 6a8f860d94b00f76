"""Both implementations give each vector's answer, and no other."""

import json
from pathlib import Path

import pytest

from tests.web.protocol import good, make_vectors, refused
from tests.web.protocol.answers import OPERATIONS, answer, to_json
from tests.web.protocol.channels import good as channels
from tests.web.protocol.channels import make_vectors as channels_vectors
from tests.web.protocol.strangers import good as strangers
from tests.web.protocol.strangers import make_vectors as strangers_vectors

FOLDER = Path(__file__).parents[1]
FILES = {
    "vectors.json": (make_vectors, good),
    "vectors-strangers.json": (strangers_vectors, strangers),
    "vectors-channels.json": (channels_vectors, channels),
}
VECTORS = {name: json.loads((FOLDER / name).read_text())["vectors"] for name in FILES}
ALL_VECTORS = [vector for some in VECTORS.values() for vector in some]
BY_OPERATION = {
    name: [vector for vector in ALL_VECTORS if vector["operation"] == name] for name in OPERATIONS
}
TOO_LONG_FOR_THE_FILE = [*good.limits(), *refused.limits()]


def expected(vector):
    return {name: vector[name] for name in ("result", "refused") if name in vector}


@pytest.mark.parametrize("operation", [name for name, some in BY_OPERATION.items() if some])
def test_both_implementations_answer_as_the_vectors_say(operation, node):
    for vector in BY_OPERATION[operation]:
        args, about = vector["args"], vector["about"]
        assert answer(operation, args) == expected(vector), about
        assert node.answer(operation, args) == expected(vector), about


@pytest.mark.parametrize("name", FILES)
def test_the_file_of_vectors_is_what_its_inputs_make(name):
    maker, _ = FILES[name]
    assert (FOLDER / name).read_text() == maker.text()


@pytest.mark.parametrize("name", FILES)
def test_what_is_wrong_is_refused_and_all_else_is_not(name):
    _, right = FILES[name]
    good_ones = len([*right.questions()])

    assert all("result" in vector for vector in VECTORS[name][:good_ones])
    assert all("refused" in vector for vector in VECTORS[name][good_ones:])


@pytest.mark.parametrize(
    ("about", "operation", "args"),
    TOO_LONG_FOR_THE_FILE,
    ids=[one[0] for one in TOO_LONG_FOR_THE_FILE],
)
def test_both_have_the_same_limits(about, operation, args, node):
    plain = to_json(args)
    may_be = about in {one[0] for one in good.limits()}

    assert ("result" in answer(operation, plain)) == may_be
    assert answer(operation, plain) == node.answer(operation, plain)
