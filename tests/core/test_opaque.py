"""Opaque values: carried equal, bounded by size, and never shown."""

import math
import traceback

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.core.opaque import MAX_DEPTH, Opaque

CANARY = "canary-5f1c"

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.binary(max_size=40)
)
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=8).filter(
    lambda word: word != "_placeholder"
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(words, inner), max_leaves=15
)
lookalikes = st.recursive(
    st.sampled_from([0, False, 0.0, "", b"", None, 1, True, "1"]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2)
    ),
    max_leaves=3,
)
quick = settings(max_examples=80)


def nested(levels, inner=None):
    """A list in a list in a list …, of so many levels."""
    value = [] if inner is None else [inner]
    for _ in range(levels - 1):
        value = [value]
    return value


def told_apart(value):
    """A value with the types that JSON and its binary know, and without an order of keys."""
    if isinstance(value, dict):
        return frozenset((key, told_apart(inner)) for key, inner in value.items())
    if isinstance(value, list):
        return tuple(told_apart(inner) for inner in value)
    return type(value), value


def written(value):
    """As JSON-like text that tells 1 from 1.0 and true, and keeps the order of keys."""
    return repr(value)


@quick
@given(values)
def test_a_value_is_given_back_as_it_came(value):
    assert written(Opaque(value).value) == written(value)


@quick
@given(values)
def test_a_value_equals_another_of_the_same_content(value):
    one, two = Opaque(value), Opaque(value)
    assert one == two
    assert hash(one) == hash(two)


@quick
@given(lookalikes, lookalikes)
def test_values_are_equal_exactly_if_json_does_not_tell_them_apart(left, right):
    same = told_apart(left) == told_apart(right)
    assert (Opaque(left) == Opaque(right)) is same
    assert (hash(Opaque(left)) == hash(Opaque(right))) or not same


@pytest.mark.parametrize(
    ("left", "right"),
    [(1, True), (0, False), (1, 1.0), ([0], [False]), ("text", b"text"), ({}, []), ("", None)],
    ids=repr,
)
def test_values_that_json_tells_apart_are_not_equal(left, right):
    assert Opaque(left) != Opaque(right)


def test_objects_are_equal_in_any_order_of_their_keys():
    one, other = Opaque({"a": 1, "b": {"c": 2, "d": 3}}), Opaque({"b": {"d": 3, "c": 2}, "a": 1})
    assert one == other
    assert hash(one) == hash(other)


def test_a_value_is_not_equal_to_what_it_holds():
    assert Opaque("text") != "text"


def test_what_was_handed_in_may_change_later():
    value = {"keys": [1]}
    held = Opaque(value)
    value["keys"].append(2)
    assert held.value == {"keys": [1]}


def test_what_was_handed_out_may_change_later():
    held = Opaque([1])
    held.value.append(2)
    assert held.value == [1]


@pytest.mark.parametrize("make", [lambda v: [v], lambda v: {"k": v}], ids=["lists", "objects"])
def test_as_many_levels_as_allowed_are_carried_and_one_more_is_refused(make):
    value = make(0)
    for _ in range(MAX_DEPTH - 2):
        value = make(value)

    assert Opaque(value).value == value
    with pytest.raises(ValueError, match="nests deeper than 32 levels"):
        Opaque(make(make(value)))


def test_a_value_deep_enough_to_break_a_recursion_is_refused_without_breaking_one():
    with pytest.raises(ValueError, match="deeper"):
        Opaque(nested(200_000))


def test_depth_is_found_in_whatever_branch_it_hides():
    with pytest.raises(ValueError, match="deeper"):
        Opaque({"a": 1, "b": [2, {"c": nested(MAX_DEPTH)}]})


def test_a_broad_value_is_not_a_deep_one():
    assert Opaque([[]] * 10_000).value == [[]] * 10_000


@pytest.mark.parametrize(
    "value",
    [
        {"_placeholder": True, "num": 0},
        {"_placeholder": None},
        [1, [{"deep": {"_placeholder": False}}]],
    ],
    ids=["object", "null", "deep"],
)
def test_an_object_that_clients_would_take_for_an_attachment_is_refused(value):
    with pytest.raises(ValueError, match="_placeholder"):
        Opaque(value)


def test_the_reserved_word_is_allowed_as_a_text():
    assert Opaque(["_placeholder"]).value == ["_placeholder"]
    assert Opaque({"key": "_placeholder"}).value == {"key": "_placeholder"}


@pytest.mark.parametrize("number", [2**64 - 1, -(2**63), 2**53 + 1, 0.1, 5e-324, -0.0])
def test_a_number_of_64_bits_is_carried_exactly(number):
    carried = Opaque([number]).value[0]
    assert carried == number
    assert math.copysign(1, carried) == math.copysign(1, number)


@pytest.mark.parametrize("number", [2**64, -(2**63) - 1, 10**400])
def test_a_number_beyond_64_bits_is_refused(number):
    for value in (number, [number], {"n": number}):
        with pytest.raises(ValueError, match="64 bits"):
            Opaque(value)


@pytest.mark.parametrize("text", ["", "plain", "grüße", "😀" * 100])
def test_text_is_as_large_as_its_utf_8(text):
    assert Opaque(text).size_bytes == len(text.encode())


@quick
@given(values.filter(lambda value: not isinstance(value, str)))
def test_anything_else_is_as_large_as_its_json_or_with_binary_as_its_messagepack(value):
    held = Opaque(value)
    encode = msgspec.msgpack.encode if held.has_binary else msgspec.json.encode
    assert held.size_bytes == len(encode(value))


def test_binary_counts_with_every_byte():
    assert Opaque(b"x" * 1_000).size_bytes >= 1_000
    assert Opaque({"iv": b"x" * 12, "data": b"y" * 1_000}).size_bytes >= 1_012


def test_many_empty_lists_are_held_small():
    assert Opaque([[]] * 1_000).size_bytes <= 3_001


@pytest.mark.parametrize("value", [CANARY, [CANARY], {CANARY: 1}, CANARY.encode()], ids=repr)
def test_neither_log_line_nor_traceback_shows_the_content(value):
    held = Opaque(value)

    assert CANARY not in f"{held!r} {held} {[held]} {(held,)!r}"
    assert str(held.size_bytes) in repr(held)


@pytest.mark.parametrize(
    "value", [[CANARY, 2**64], {CANARY: {"_placeholder": 1}}, nested(99, CANARY)]
)
def test_no_refusal_shows_the_content(value):
    with pytest.raises(ValueError, match=r".") as refused:
        Opaque(value)
    assert CANARY not in "".join(traceback.format_exception_only(refused.value))
