"""Questions on groups of strangers that a vector refuses to answer, one fault at a time."""

from collections.abc import Iterator
from typing import Any

from scripts.demo_parts.protocol.packing import from_text, pack, pad, to_text, u64, unpack
from scripts.demo_parts.protocol.primitives import derive, seal, seal_with_nonce
from scripts.demo_parts.protocol.strangers.place import place_of
from tests.web.protocol.good import Question, result
from tests.web.protocol.people import ANN, BOB, CY, fixed
from tests.web.protocol.points import odd_signatures
from tests.web.protocol.refused import NOT_UTF8, TOO_LARGE, changed
from tests.web.protocol.strangers.good import (
    EPOCH,
    FIRST,
    GROUP,
    card,
    card_args,
    chain_args,
    encrypted,
    evidence,
    keys_args,
    message_args,
    of_ann,
    relayed,
    report,
    said_by_ann,
    user_id,
)

PLACE = place_of(GROUP)


def questions() -> Iterator[Question]:
    yield from cards()
    yield from chains()
    yield from keys()
    yield from messages()
    yield from openings()
    yield from reports()


# --- section 15 ---


def cards() -> Iterator[Question]:
    body, signature = unpack(from_text(card()), 2)
    odd = {one.about: one for one in odd_signatures()}
    mixed = odd["key with small part 4, R with 0"].key
    made = {
        "no text": 5,
        "nothing": None,
        "an object": {"kty": "RSA", "n": "AQAB"},
        "not base64url": card() + "=",
        "cut": card()[:-8],
        "a field too many": to_text(pack(body, signature, b"")),
        "a field of the body too many": signed(body + pack(b"")),
        "signed by another": to_text(pack(body, BOB.identity.sign(body))),
        "a changed signature": to_text(pack(body, changed(signature, 3))),
        "a card of a session": ann_shows(0, b"hushwire/1/card"),
        "of another user": ann_shows(1, user_id(BOB).encode()),
        "a user id that is not UTF-8": ann_shows(1, NOT_UTF8),
        "an empty name": ann_shows(2, b""),
        "a name of two lines": ann_shows(2, b"Ann\nBob"),
        "a name of 65 characters": ann_shows(2, b"x" * 65),
        "a name that is not UTF-8": ann_shows(2, NOT_UTF8),
        "a short sign key": ann_shows(3, ANN.identity.sign_key[:-1]),
        "a sign key of small order": ann_shows(3, odd["key of small order 0"].key),
        "a sign key of mixed order": ann_shows(3, mixed),
        "a short box key": ann_shows(4, ANN.identity.box_key[:-1]),
        "a box key of small order": ann_shows(4, bytes(32)),
        "a time that is too large": ann_shows(5, TOO_LARGE),
    }
    for about, text in made.items():
        yield about, "strangers.card.read", {"card": text, "userId": user_id(ANN)}
    long_one = result("strangers.card.make", **card_args(userId="x" * 257))
    args = {"card": long_one, "userId": "x" * 257}
    yield "a user id of 257 bytes", "strangers.card.read", args
    yield "shown as another user's", "strangers.card.read", {"card": card(), "userId": user_id(BOB)}


def ann_shows(at: int, value: bytes) -> str:
    """A card that Ann signed, of which one field is not as it must be."""
    return signed_with(from_text(card()), at, value)


def signed_with(whole: bytes, at: int, value: bytes) -> str:
    fields = unpack(unpack(whole, 2)[0], 6)
    return signed(pack(*fields[:at], value, *fields[at + 1 :]))


def signed(body: bytes) -> str:
    return to_text(pack(body, ANN.identity.sign(body)))


# --- section 17 ---


def chains() -> Iterator[Question]:
    for about, numbers in {
        "before the first": [FIRST - 1],
        "after the last": [FIRST + 100],
        "used and forgotten": [FIRST, FIRST + 1, FIRST],
    }.items():
        yield about, "strangers.chain", {**chain_args(), "numbers": numbers}


def keys() -> Iterator[Question]:
    text = str(result("strangers.keys.make", **keys_args()))
    body, signature = unpack(from_text(text), 2)
    entries = unpack(body, 10)[9]
    one, other = entries[:72], entries[72:]
    for about, told in {
        "no text": 5,
        "not base64url": f"{text}=",
        "cut": text[:-8],
        "a field too many": to_text(pack(body, signature, b"")),
        "a field of the body too many": signed(body + pack(b"")),
        "signed by another": to_text(pack(body, BOB.identity.sign(body))),
        "a wish": result("strangers.wish.make", groupId=GROUP, chainId=fixed("chain", 16)),
        "no keys": ann_hands(0, b"hushwire/1/strangers/message"),
        "for another group": ann_hands(1, place_of("another")),
        "of another sender": ann_hands(2, CY.member_id),
        "an epoch of seven bytes": ann_hands(3, bytes(7)),
        "an epoch of 2^53": ann_hands(3, TOO_LARGE),
        "a short set of members": ann_hands(4, bytes(31)),
        "a short chain id": ann_hands(5, bytes(15)),
        "number 0": ann_hands(6, u64(0)),
        "number 2^53": ann_hands(6, TOO_LARGE),
        "a short previous hash": ann_hands(7, bytes(31)),
        "a short ephemeral key": ann_hands(8, bytes(31)),
        "half an entry": ann_hands(9, entries[:-1]),
        "out of order": ann_hands(9, other + one),
        "twice for one member": ann_hands(9, one + one),
    }.items():
        yield about, "strangers.keys.read", {**of_ann(), "encrypted": told}
    shown = {**of_ann(), "card": card(CY), "userId": user_id(CY), "encrypted": text}
    yield "as those of another", "strangers.keys.read", shown
    opened = {**of_ann(), "identity": BOB.secrets}
    for about, told in {
        "a changed entry": ann_hands(9, changed(entries_for(BOB), -1)),
        "an entry for another": ann_hands(9, BOB.member_id + entries_for(CY)[24:]),
        "the key of another chain": ann_hands(9, wrapped_for_bob(fixed("another key", 32))),
        "of another epoch": ann_hands(3, u64(EPOCH + 1)),
        "for other members": ann_hands(4, fixed("others", 32)),
        "from another number": ann_hands(6, u64(FIRST + 1)),
        "an ephemeral key of small order": ann_hands(8, bytes(32)),
        "another ephemeral key": ann_hands(8, CY.identity.box_key),
    }.items():
        yield about, "strangers.keys.open", {**opened, "encrypted": told}


def ann_hands(at: int, value: bytes) -> str:
    """Keys that Ann signed, of which one field is not as it must be."""
    text = str(result("strangers.keys.make", **keys_args()))
    fields = unpack(unpack(from_text(text), 2)[0], 10)
    return signed(pack(*fields[:at], value, *fields[at + 1 :]))


def entries_for(someone: Any) -> bytes:
    text = str(result("strangers.keys.make", **keys_args(someone)))
    return unpack(unpack(from_text(text), 2)[0], 10)[9]


def wrapped_for_bob(key: bytes) -> bytes:
    text = str(result("strangers.keys.make", **keys_args(BOB)))
    fields = unpack(unpack(from_text(text), 2)[0], 10)
    chain_id, ephemeral_key = fields[5], fields[8]
    shared = BOB.identity.agree(ephemeral_key)
    context = (ANN.member_id, chain_id, BOB.member_id, ephemeral_key)
    wrap_key = derive(shared, PLACE, "strangers/wrap", *context)
    return BOB.member_id + seal(wrap_key, bytes(24), b"", key)


# --- section 18 ---


def messages() -> Iterator[Question]:
    head, sealed, signature = unpack(from_text(encrypted()), 3)
    for about, text in {
        "no text": 5,
        "an object": {"iv": "AAAA", "data": "AAAA"},
        "not base64url": encrypted() + "\n",
        "cut": encrypted()[:100],
        "a field too many": to_text(pack(head, sealed, signature, b"")),
        "a changed signature": to_text(pack(head, sealed, changed(signature, 3))),
        "a short signature": to_text(pack(head, sealed, signature[:-1])),
        "signed by another": to_text(pack(head, sealed, BOB.identity.sign(head + sealed))),
        "a changed content": to_text(pack(head, changed(sealed, 30), signature)),
        "a changed head": to_text(pack(changed(head, -1), sealed, signature)),
        **with_other_fields(head),
    }.items():
        yield about, "strangers.message.read", relayed(text)
    yield "another id", "strangers.message.read", relayed(encrypted(), id="another")
    shown = {**relayed(encrypted()), "card": card(CY), "userId": user_id(CY)}
    yield "from another", "strangers.message.read", shown


def with_other_fields(head: bytes) -> dict[str, str]:
    """Messages that Ann signed, of which one field of the head is not as it must be."""
    changes: dict[str, tuple[int, bytes]] = {
        "no message": (0, b"hushwire/1/message"),
        "of another group": (1, place_of("another")),
        "a short sender": (2, ANN.member_id[:-1]),
        "an id that is not UTF-8": (3, NOT_UTF8),
        "an id of 129 bytes": (3, b"x" * 129),
        "a kind that is not UTF-8": (4, NOT_UTF8),
        "a kind of 33 bytes": (4, b"x" * 33),
        "a short chain id": (5, bytes(15)),
        "epoch 2^53": (6, TOO_LARGE),
        "a short set of members": (7, bytes(31)),
        "number 0": (8, u64(0)),
        "number 2^53": (8, TOO_LARGE),
        "a short previous hash": (9, bytes(31)),
        "a time of seven bytes": (10, bytes(7)),
        "a short commitment": (11, bytes(31)),
    }
    fields = unpack(head, 12)
    made = {
        about: sealed_under(pack(*fields[:at], value, *fields[at + 1 :]))
        for about, (at, value) in changes.items()
    }
    return made | {"a field of the head too many": sealed_under(head + pack(b""))}


def sealed_under(head: bytes, content: bytes = b'{"text":"hello"}', key: bytes = b"") -> str:
    """A message that Ann signed and sealed, whatever is in it."""
    key = key or message_key()
    content_key = derive(key, PLACE, "strangers/content")
    sealed = seal_with_nonce(content_key, head, pad(content, 256), fixed("message nonce", 24))
    signed_bytes = pack(b"hushwire/1/signed", head, sealed)
    return to_text(pack(head, sealed, ANN.identity.sign(signed_bytes)))


def message_key() -> bytes:
    """That of the usual message."""
    numbers = [message_args()["number"]]
    key = result("strangers.chain", **chain_args(), numbers=numbers)["keys"][0]
    assert isinstance(key, bytes)
    return key


def openings() -> Iterator[Question]:
    chain = {name: chain_args()[name] for name in ("tag", "firstKey")}
    head, _, _ = unpack(from_text(encrypted()), 3)
    other = {**chain, "firstKey": fixed("another key", 32)}
    yield "under another key", "strangers.message.open", {**relayed(encrypted()), **other}
    later = {**chain, "tag": {**chain["tag"], "first": 10}}
    yield "of before its chain", "strangers.message.open", {**relayed(encrypted()), **later}
    uncommitted = sealed_under(head, key=fixed("another key", 32))
    for about, text in {
        "sealed with another key than it is committed to": uncommitted,
        "committed to another key": committed_to(fixed("another key", 32)),
    }.items():
        yield about, "strangers.message.open", {**relayed(text), **chain}
    for about, content in {
        "no JSON": b"hello",
        "no object": b'["hello"]',
        "no text": b"{}",
        "an empty text": b'{"text":""}',
        "no UTF-8": b'{"text":"\xff"}',
    }.items():
        text = sealed_under(head, content)
        yield about, "strangers.message.open", {**relayed(text), **chain}
    for kind, content_of in {"file": {"file": None}, "remove": {"member": "AAAA"}}.items():
        text = encrypted(kind=kind, content=content_of)
        yield f"the kind {kind}", "strangers.message.open", {**relayed(text), **chain}


def committed_to(key: bytes) -> str:
    """The usual message, that says it is committed to this key, and is sealed with it."""
    fields = unpack(unpack(from_text(encrypted()), 3)[0], 12)
    commitment = derive(key, PLACE, "strangers/commitment", ANN.member_id, fields[8])
    return sealed_under(pack(*fields[:-1], commitment), key=key)


# --- section 20 ---


def reports() -> Iterator[Question]:
    one, two = said_by_ann("one", "two")
    for about, said in {
        "nothing": None,
        "a text": "she said it",
        "of another protocol": evidence(one, protocol="hushwire/2/strangers"),
        "of another group": evidence(one, groupId="another"),
        "no list": evidence(messages={}),
        "more than 200 messages": evidence(messages=[{}] * 201),
        "no card": evidence(one, card=None),
        "another's card": evidence(one, card=card(BOB)),
        "no message": evidence(one, None),
        "no key": evidence({**one, "key": None}),
        "a short key": evidence({**one, "key": "AAAA"}),
        "the key of another message": evidence({**one, "key": two["key"]}),
        "under another id": evidence({**one, "id": two["id"]}),
        "an edited message": evidence({**one, "envelope": edited(one["envelope"])}),
        "a message of another sender": evidence({**one, "envelope": bobs_words()}),
    }.items():
        yield about, "strangers.evidence", report(said)
    yield "about another user", "strangers.evidence", report(evidence(one), userId=user_id(BOB))
    yield "in another group", "strangers.evidence", report(evidence(one), groupId="another")


def edited(text: str) -> str:
    return to_text(changed(from_text(text), -100))


def bobs_words() -> str:
    """A message that Bob made in Ann's name, with his own keys."""
    forged = result("strangers.message.make", **message_args(identity=BOB.secrets))
    return str(forged["encrypted"])
