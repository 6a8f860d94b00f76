"""What a client is told of a request that is not as it has to be: without words of Python."""

from enum import Enum
from typing import Annotated, Any, Literal

import pytest
from msgspec import Meta, Struct

from server.core.errors import AppError, Code
from server.core.limits import Bounds
from server.transports.decode import Decoder

DECODER = Decoder(Bounds())


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Leaf(Struct):
    colour: Colour


class Tree(Struct, rename="camel"):
    tree_name: Annotated[str, Meta(min_length=3, pattern=r"^[a-z.]+$(?!\n)")] = "oak"
    age: int | None = None
    size: Literal["small", "tall"] = "tall"
    is_old: bool = False
    leaves: list[Leaf] = []
    key: Annotated[bytes, Meta(min_length=32)] | None = None
    mood: Annotated[Literal["calm"] | None, Meta(description="of its leaves")] = None


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        ({"treeName": 5}, "Expected text, got an integer - at `$.treeName`"),
        ({"treeName": "no"}, "Expected text of length >= 3 - at `$.treeName`"),
        ({"treeName": "Nö!"}, "Expected text that matches ^[a-z.]+$ - at `$.treeName`"),
        ({"age": "x"}, "Expected an integer or null, got text - at `$.age`"),
        ({"isOld": 1.5}, "Expected true or false, got a number - at `$.isOld`"),
        ({"size": "huge"}, "Expected small or tall - at `$.size`"),
        ({"size": "'` - at `$.age`"}, "Expected small or tall - at `$.size`"),
        (
            {"leaves": [{"colour": "red"}, {"colour": "x"}]},
            "Expected red or blue - at `$.leaves[1].colour`",
        ),
        ({"leaves": {}}, "Expected an array, got an object - at `$.leaves`"),
        ({"leaves": [{}]}, "Object missing required field `colour` - at `$.leaves[0]`"),
        ({"key": "AAAA"}, "Expected base64 of length >= 32 - at `$.key`"),
        ({"mood": "grim"}, "Expected calm - at `$.mood`"),
        ([], "Expected an object, got an array"),
    ],
)
def test_a_refusal_says_what_is_expected_and_where(payload: Any, message: str) -> None:
    with pytest.raises(AppError) as refused:
        DECODER.request(Tree, payload)
    assert refused.value.code is Code.INVALID_REQUEST
    assert refused.value.message == message


@pytest.mark.parametrize("text", ["", "x", "tall' - at `$.age`", "`\n`", "é" * 1000])
def test_a_refusal_does_not_repeat_what_the_client_sent(text: str) -> None:
    with pytest.raises(AppError) as refused:
        DECODER.request(Tree, {"size": text})
    assert refused.value.message == "Expected small or tall - at `$.size`"
