"""What one implementation writes the other reads, and both think the same of what is damaged."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scripts.demo_parts.protocol.cards import is_name
from scripts.demo_parts.protocol.chunks import seal_file
from scripts.demo_parts.protocol.contents import File, parse
from scripts.demo_parts.protocol.file_names import file_name
from scripts.demo_parts.protocol.link import Link
from scripts.demo_parts.protocol.packing import (
    LARGEST_NUMBER,
    from_text,
    pack,
    to_text,
    unpack,
)
from scripts.demo_parts.protocol.refusal import MalformedError
from tests.web.protocol import good, refused
from tests.web.protocol.answers import answer, to_json
from tests.web.protocol.people import ANN, BOB, KEYS, LINK, fixed

often = settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

numbers = st.integers(min_value=0, max_value=LARGEST_NUMBER)
hashes = st.binary(min_size=32, max_size=32)
nonces = st.binary(min_size=24, max_size=24)
audiences = st.sampled_from([b"", BOB.member_id])
names = st.text(max_size=64).filter(is_name)
texts = st.text(min_size=1, max_size=600)


def same(node, operation, **args):
    """The one answer of both."""
    plain = to_json(args)
    ours, theirs = answer(operation, plain), node.answer(operation, plain)
    assert ours == theirs, (operation, args)
    return ours


# --- each reads what the other wrote ---


@often
@given(st.booleans(), names, numbers, nonces)
def test_cards(node, shares, name, made_ms, nonce):
    link = Link(LINK.session_id, LINK.secret, ANN.member_id, shares).fragment
    args = {"link": link, "identity": ANN.secrets, "name": name, "madeMs": made_ms, "nonce": nonce}
    made = same(node, "card.make", **args)["result"]["card"]

    read = same(node, "card.read", link=link, card=made)["result"]
    assert (read["name"], read["madeMs"]) == (name, made_ms)


@often
@given(st.text(st.sampled_from(" \u00a0\u2028\u200b\ufeff\u3000\u180e\x85\x1fa\u0301😀\ue000")))
def test_odd_names_are_names_for_both_or_neither(node, name):
    card = refused.card_of(sealed_name=refused.sealed_name(name.encode()))
    assert ("result" in same(node, "card.read", link=LINK.fragment, card=card)) == is_name(name)


@often
@given(texts, st.integers(1, LARGEST_NUMBER), hashes, numbers, st.booleans(), nonces)
def test_messages(node, text, number, previous, sent_ms, is_first, nonce):
    args = good.message_args(
        content={"text": text},
        number=number,
        previous=previous,
        sentMs=sent_ms,
        keys=KEYS if is_first else b"",
        nonce=nonce,
    )

    encrypted = same(node, "message.make", **args)["result"]["encrypted"]

    read = same(node, "message.read", **good.relayed(encrypted))["result"]
    assert (read["number"], read["sentMs"]) == (number, sent_ms)
    opened = same(node, "message.open", **good.relayed(encrypted))
    assert opened == {"result": {"text": text}}


@often
@given(st.none() | numbers, numbers, numbers, hashes)
def test_heads(node, alone, signal_number, number, newest):
    said = {"signalNumber": signal_number, "number": number, "hash": newest}
    ends = [] if alone is None else [good.alone(BOB, alone)]

    told = same(node, "head.make", **good.of(ANN), **said, alone=ends)["result"]

    short = {"number": alone, "hash": good.hash_of(alone)[:16]} if ends else None
    read = same(node, "signal.read", **good.heard(told))["result"]
    assert read == to_json({**said, "alone": short})


@often
@given(numbers, st.text(max_size=20), st.lists(st.binary(max_size=400), max_size=4), nonces)
def test_signals(node, signal_number, kind, fields, nonce):
    said = {"signalNumber": signal_number, "kind": kind, "fields": fields}

    made = same(node, "signal.make", **good.signal_args(**said, nonce=nonce))["result"]

    encrypted = bytes.fromhex(made["hex"]) if isinstance(made, dict) else made
    assert same(node, "signal.read", **good.heard(encrypted))["result"] == to_json(said)


@often
@given(
    st.binary(max_size=500),
    st.integers(1, 131_072),
    st.text(min_size=1, max_size=255).map(file_name),
)
def test_files(node, content, chunk_bytes, name):
    note, chunks = seal_file(name, content, max(chunk_bytes, len(content) // 20))
    said = File(note).said()

    made = same(node, "message.make", **good.message_args(kind="file", content=said))["result"]
    read = same(node, "message.open", **good.relayed(made["encrypted"]))["result"]
    opened = [
        same(node, "chunk.open", content=said, index=index, sealed=chunk)["result"]
        for index, chunk in enumerate(chunks)
    ]

    assert (read["name"], read["count"]) == (name, len(chunks))
    assert b"".join(bytes.fromhex(one["hex"]) for one in opened) == content


# --- both think the same of what is damaged ---


@st.composite
def damaged(draw, whole):
    """The same bytes with a few changed, cut off, or put in."""
    at = draw(st.integers(0, len(whole) - 1))
    how = draw(st.sampled_from(["flip", "cut", "insert", "length"]))
    if how == "flip":
        bits = draw(st.integers(1, 255))
        return whole[:at] + bytes([whole[at] ^ bits]) + whole[at + 1 :]
    if how == "cut":
        return whole[:at] + whole[at + draw(st.integers(1, 40)) :]
    if how == "insert":
        return whole[:at] + draw(st.binary(min_size=1, max_size=8)) + whole[at:]
    return whole[: at - at % 4] + draw(st.binary(min_size=4, max_size=4)) + whole[at - at % 4 + 4 :]


MESSAGE = from_text(good.result("message.make", **good.message_args(keys=KEYS))["encrypted"])
SIGNAL = from_text(good.result("signal.make", **good.signal_args()))
HEAD = from_text(good.result("head.make", **good.head_args()))


@often
@given(damaged(MESSAGE))
def test_damaged_messages_are_refused_alike(node, data):
    read = same(node, "message.read", **good.relayed(to_text(data)))
    assert "refused" in read or data == MESSAGE


@often
@given(st.integers(0, 11), st.binary(max_size=40))
def test_messages_with_any_field_are_judged_alike(node, at, value):
    head = unpack(refused.signed_by_ann(b"{}").packed_head, 12)
    made = refused.sealed_under([*head[:at], value, *head[at + 1 :]])
    same(node, "message.read", **good.relayed(made))


@often
@given(damaged(from_text(ANN.card.text)))
def test_damaged_cards_are_refused_alike(node, data):
    read = same(node, "card.read", link=LINK.fragment, card=to_text(data))
    assert "refused" in read or to_text(data) == ANN.card.text


@often
@given(damaged(KEYS))
def test_damaged_keys_are_judged_alike(node, data):
    # Another member's wrapped key may be damaged: that is for the other to find.
    same(node, "keys.unwrap", **good.of(BOB), **good.tag_args(), keys=data)


@often
@given(damaged(SIGNAL) | damaged(HEAD))
def test_damaged_signals_are_refused_alike(node, data):
    read = same(node, "signal.read", **good.heard(to_text(data)))
    assert "refused" in read or data in (SIGNAL, HEAD)


@often
@given(damaged(from_text(LINK.fragment)))
def test_damaged_links_are_refused_alike(node, data):
    read = same(node, "link.read", text=to_text(data))
    assert "refused" in read or to_text(data) == LINK.fragment


# --- any bytes, any text, any content ---

ANY_CHARACTERS = st.characters(codec=None)
ODD_CHARACTERS = st.sampled_from(
    '. \u00a0\u3000\u180e\u202e\u200d\ufeff/\\:"\0\x85_\ud83d\udc24cCoOnN¹KK1.tx'
)


@often
@given(st.text(ANY_CHARACTERS | ODD_CHARACTERS, max_size=300))
def test_any_file_name_becomes_the_same_and_stays_what_it_has_become(node, name):
    made = same(node, "file.name", name=name)["result"]

    assert same(node, "file.name", name=made)["result"] == made
    assert 1 <= len(made) <= 255
    assert made.encode()
    assert not {*made} & {*'/\\:"\0'}


@often
@given(st.text(max_size=40) | st.text(st.sampled_from("AZaz09-_QgwE"), max_size=12))
def test_any_text_is_base64url_for_both_or_neither(node, text):
    same(node, "base64url.read", text=text)


@often
@given(st.binary(max_size=60), st.integers(0, 4))
def test_any_bytes_are_fields_for_both_or_neither(node, data, count):
    same(node, "unpack", packed=data, count=count)
    same(node, "unpack", packed=pack(data, data), count=2)
    same(node, "unpad", padded=data)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda some: (
        st.lists(some, max_size=3) | st.dictionaries(st.text(max_size=8), some, max_size=3)
    ),
    max_leaves=6,
)
SMALL_FILE = good.small_file()[0]["file"]
fields = st.sampled_from([*SMALL_FILE, "preview"])


@often
@given(
    st.sampled_from(["text", "file", "remove", "wave"]),
    json_values.map(json.dumps)
    | json_values.map(lambda value: json.dumps({"text": value}))
    | json_values.map(lambda value: json.dumps({"member": value}))
    | st.tuples(fields, json_values).map(
        lambda pair: json.dumps({"file": {**SMALL_FILE, pair[0]: pair[1]}})
    )
    | st.text(st.sampled_from('{}[]":,\\ud8abc0123456789.eE+- tfnrule'), max_size=30),
)
def test_any_content_is_read_alike(node, kind, content):
    encrypted = refused.signed_by_ann(content.encode(), kind=kind).text
    same(node, "message.open", **good.relayed(encrypted))


steps = st.lists(
    st.builds(
        lambda number, fork, since: {
            **good.step(number, since),
            **({"hash": fixed("other", 32)} if fork == 1 else {}),
            **({"previous": fixed("other", 32)} if fork == 2 else {}),
        },
        st.integers(1, 9),
        st.sampled_from([0, 0, 0, 1, 2]),
        st.sampled_from([0, 0, 1, 4, 20]),
    )
    | st.builds(good.told_step, st.integers(0, 12))
    | st.builds(
        lambda how, at: {how: at}, st.sampled_from(["giveUp", "startAt"]), st.integers(0, 12)
    ),
    max_size=14,
)


@often
@given(steps)
def test_any_chain_is_judged_alike(node, steps):
    same(node, "chain", steps=steps)


@pytest.mark.parametrize(
    ("written", "is_taken"),
    [
        *((one, True) for one in ("250", "250.0", "2.5e2", "2500E-1")),
        *((one, False) for one in ("250.5", "2.5e400", "-250", "1" * 5_000, "9007199254740993")),
    ],
)
def test_numbers_are_those_of_javascript(node, written, is_taken):
    content = json.dumps({"file": SMALL_FILE}).replace('"size": 250', f'"size": {written}')
    message = refused.signed_by_ann(content.encode(), kind="file").text

    assert ("result" in same(node, "message.open", **good.relayed(message))) == is_taken


def test_half_a_surrogate_pair_is_read_as_a_replacement_character(node):
    content = rb'{"text":"\ud83d\udc24 \ud83d \udc24\ud83d"}'
    message = refused.signed_by_ann(content).text

    opened = same(node, "message.open", **good.relayed(message))
    assert opened == {"result": {"text": "🐤 \ufffd \ufffd\ufffd"}}


def test_content_that_is_nested_too_deep_is_no_content():
    with pytest.raises(MalformedError, match="not JSON"):
        parse(b'{"text":"hello","a":' + b"[" * 100_000 + b"]" * 100_000 + b"}")
