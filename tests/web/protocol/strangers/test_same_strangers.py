"""One implementation reads what the other writes of strangers, and both think the same."""

from hypothesis import given
from hypothesis import strategies as st

from scripts.demo_parts.protocol.packing import LARGEST_NUMBER, from_text, pack, to_text, unpack
from tests.web.protocol.good import result
from tests.web.protocol.people import ANN, BOB, CY, fixed
from tests.web.protocol.strangers import good, refused
from tests.web.protocol.test_same_answers import (
    damaged,
    hashes,
    names,
    nonces,
    numbers,
    often,
    same,
)

ids = st.text(min_size=1, max_size=60)
texts = st.text(min_size=1, max_size=600)

CARD = from_text(good.card())
KEYS = from_text(result("strangers.keys.make", **good.keys_args()))
MESSAGE = from_text(good.encrypted())


# --- each reads what the other wrote ---


@often
@given(ids, names, numbers)
def test_cards_of_strangers(node, user_id, login, made_ms):
    args = good.card_args(userId=user_id, login=login, madeMs=made_ms)
    made = same(node, "strangers.card.make", **args)["result"]

    read = same(node, "strangers.card.read", card=made, userId=user_id)["result"]
    assert (read["login"], read["madeMs"]) == (login, made_ms)


@often
@given(st.lists(st.tuples(ids, st.sampled_from([b"", ANN.member_id, BOB.member_id])), max_size=10))
def test_the_set_of_members(node, members):
    plain = [{"userId": user_id, "memberId": member_id} for user_id, member_id in members]
    one = same(node, "strangers.members", groupId=good.GROUP, members=plain)

    assert one == same(node, "strangers.members", groupId=good.GROUP, members=plain[::-1])


@often
@given(numbers, hashes, st.integers(1, LARGEST_NUMBER - 200), hashes)
def test_keys_reach_their_recipients(node, epoch, members, first, secret):
    args = good.keys_args(
        **good.chain_args(epoch=epoch, members=members, first=first), ephemeralSecret=secret
    )
    made = same(node, "strangers.keys.make", **args)["result"]

    opening = {**good.of_ann(), "encrypted": made}
    for one in (BOB, CY):
        opened = same(node, "strangers.keys.open", **opening, identity=one.secrets)["result"]
        assert opened == {"next": first, "key": {"hex": good.FIRST_KEY.hex()}}


@often
@given(texts, st.integers(good.FIRST, good.FIRST + 99), hashes, numbers, nonces)
def test_messages_of_strangers(node, text, number, previous, sent_ms, nonce):
    said = {"number": number, "previous": previous, "sentMs": sent_ms, "nonce": nonce}
    args = good.message_args(content={"text": text}, **said)
    made = same(node, "strangers.message.make", **args)["result"]["encrypted"]

    opening = {**good.relayed(made), "tag": args["tag"], "firstKey": args["firstKey"]}
    assert same(node, "strangers.message.open", **opening) == {"result": {"text": text}}


@often
@given(st.lists(st.integers(good.FIRST - 1, good.FIRST + 100), max_size=12))
def test_keys_in_any_order(node, order):
    same(node, "strangers.chain", **good.chain_args(), numbers=order)


# --- both think the same of what is damaged ---


@often
@given(damaged(CARD))
def test_damaged_cards_of_strangers_are_refused_alike(node, data):
    args = {"card": to_text(data), "userId": good.user_id(ANN)}
    assert "refused" in same(node, "strangers.card.read", **args) or data == CARD


@often
@given(damaged(KEYS))
def test_damaged_keys_of_strangers_are_refused_alike(node, data):
    read = same(node, "strangers.keys.read", **good.of_ann(), encrypted=to_text(data))
    assert "refused" in read or data == KEYS


@often
@given(damaged(MESSAGE))
def test_damaged_messages_of_strangers_are_refused_alike(node, data):
    read = same(node, "strangers.message.read", **good.relayed(to_text(data)))
    assert "refused" in read or data == MESSAGE


@often
@given(st.integers(0, 11), st.binary(max_size=40))
def test_messages_of_strangers_with_any_field_are_judged_alike(node, at, value):
    head = unpack(unpack(MESSAGE, 3)[0], 12)
    made = refused.sealed_under(pack(*head[:at], value, *head[at + 1 :]))
    same(node, "strangers.message.read", **good.relayed(made))


@often
@given(st.integers(0, 9), st.binary(max_size=80))
def test_keys_with_any_field_are_judged_alike(node, at, value):
    encrypted = refused.ann_hands(at, value)
    same(node, "strangers.keys.read", **good.of_ann(), encrypted=encrypted)
    opening = {**good.of_ann(), "identity": BOB.secrets, "encrypted": encrypted}
    same(node, "strangers.keys.open", **opening)


@often
@given(st.integers(0, 5), st.binary(max_size=80))
def test_cards_with_any_field_are_judged_alike(node, at, value):
    args = {"card": refused.ann_shows(at, value), "userId": good.user_id(ANN)}
    same(node, "strangers.card.read", **args)


def test_a_message_says_of_which_members_it_is():
    read = result("strangers.message.read", **good.relayed(good.encrypted()))
    other = result(
        "strangers.message.read",
        **good.relayed(good.encrypted(**good.chain_args(members=fixed("others", 32)))),
    )

    assert read["members"] == good.members()
    assert other["members"] == fixed("others", 32)
    assert read["chainId"] != other["chainId"]
