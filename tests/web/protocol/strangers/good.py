"""Questions on groups of strangers to which a vector has a good answer, section by section."""

from collections.abc import Iterator
from typing import Any

from scripts.demo_parts.protocol.envelopes import NO_HASH
from scripts.demo_parts.protocol.packing import LARGEST_NUMBER, to_text
from tests.web.protocol.good import Question, result
from tests.web.protocol.people import ANN, BOB, CY, EVERYONE, MADE_MS, Someone, fixed

GROUP = "123e4567-e89b-12d3-a456-426614174000"
USER_IDS = {ANN.name: "u-ann", BOB.name: "7", CY.name: "cy@login.example"}
MESSAGE_ID = to_text(fixed("stranger's message", 16))
FIRST_KEY = fixed("first key", 32)
EPOCH = 5
FIRST = 7


def questions() -> Iterator[Question]:
    yield from places()
    yield from cards()
    yield from chains()
    yield from keys()
    yield from messages()
    yield from numbers()
    yield from reports()


def user_id(someone: Someone) -> str:
    return USER_IDS[someone.name]


def card_args(someone: Someone = ANN, **changes: Any) -> dict[str, Any]:
    said = {"userId": user_id(someone), "login": someone.name, "madeMs": MADE_MS}
    return {"identity": someone.secrets, **said, **changes}


def card(someone: Someone = ANN) -> str:
    return str(result("strangers.card.make", **card_args(someone)))


def of_ann() -> dict[str, Any]:
    """What reads something that the relay brings as Ann's."""
    return {"groupId": GROUP, "card": card(), "userId": user_id(ANN)}


def member_entries(*people: Someone) -> list[dict[str, Any]]:
    return [{"userId": user_id(one), "memberId": one.member_id} for one in people]


def members() -> bytes:
    made = result("strangers.members", groupId=GROUP, members=member_entries(*EVERYONE))
    assert isinstance(made, bytes)
    return made


def chain_args(**changes: Any) -> dict[str, Any]:
    tag = {"sender": ANN.member_id, "epoch": EPOCH, "members": members(), "first": FIRST}
    return {"groupId": GROUP, "tag": tag | changes, "firstKey": FIRST_KEY}


# --- sections 14 to 16 ---


def places() -> Iterator[Question]:
    yield "a group", "strangers.place", {"groupId": GROUP}
    yield "another group", "strangers.place", {"groupId": "⚂"}
    for about, some in {
        "three members": EVERYONE,
        "in another order": EVERYONE[::-1],
        "one member": [ANN],
        "nobody": [],
    }.items():
        args = {"groupId": GROUP, "members": member_entries(*some)}
        yield about, "strangers.members", args
    without = [*member_entries(ANN), {"userId": "9", "memberId": b""}]
    yield "one without a card", "strangers.members", {"groupId": GROUP, "members": without}
    order = [
        {"userId": name, "memberId": fixed(name, 24)} for name in ("b", "aa", "ä", "\ufb00", "😀")
    ]
    yield "user ids of many sizes", "strangers.members", {"groupId": GROUP, "members": order}


def cards() -> Iterator[Question]:
    for one in EVERYONE:
        yield one.name, "strangers.card.make", card_args(one)
        yield one.name, "strangers.card.read", {"card": card(one), "userId": user_id(one)}
    args = card_args(login="🐤" * 64, userId="x" * 256, madeMs=LARGEST_NUMBER)
    made = result("strangers.card.make", **args)
    yield "the longest fields", "strangers.card.read", {"card": made, "userId": "x" * 256}


# --- section 17 ---


def chains() -> Iterator[Question]:
    yield "in order", "strangers.chain", {**chain_args(), "numbers": [7, 8, 9]}
    yield "out of order", "strangers.chain", {**chain_args(), "numbers": [10, 8, 7]}
    yield "the last one", "strangers.chain", {**chain_args(), "numbers": [106]}
    others: dict[str, dict[str, Any]] = {
        "of another sender": {"sender": BOB.member_id},
        "of another epoch": {"epoch": 6},
        "of other members": {"members": fixed("others", 32)},
        "from another number": {"first": 1},
    }
    for about, changes in others.items():
        yield about, "strangers.chain", {**chain_args(**changes), "numbers": []}


def keys_args(*recipients: Someone, **changes: Any) -> dict[str, Any]:
    who = recipients or (BOB, CY)
    boxes = [{"memberId": one.member_id, "boxKey": one.identity.box_key} for one in who]
    previous = {"previous": fixed("previous", 32), "ephemeralSecret": fixed("ephemeral", 32)}
    return {"identity": ANN.secrets, **chain_args(), "recipients": boxes, **previous, **changes}


def keys() -> Iterator[Question]:
    made_of: dict[str, dict[str, Any]] = {
        "for two": keys_args(),
        "for one": keys_args(CY),
        "for nobody": keys_args() | {"recipients": []},
        "of the first message": keys_args(BOB, **chain_args(first=1), previous=NO_HASH),
    }
    for about, args in made_of.items():
        yield about, "strangers.keys.make", args
        made = result("strangers.keys.make", **args)
        yield about, "strangers.keys.read", {**of_ann(), "encrypted": made}
        opening = {**of_ann(), "identity": BOB.secrets, "encrypted": made}
        yield f"{about}, by Bob", "strangers.keys.open", opening
    wish = {"groupId": GROUP, "chainId": fixed("chain", 16)}
    yield "a wish", "strangers.wish.make", wish
    made = result("strangers.wish.make", **wish)
    yield "a wish", "strangers.wish.read", {"groupId": GROUP, "encrypted": made}
    for about, text in {
        "a wish in another group": result("strangers.wish.make", **{**wish, "groupId": "other"}),
        "a wish for half a chain": result("strangers.wish.make", **{**wish, "chainId": b"abc"}),
        "keys are no wish": result("strangers.keys.make", **keys_args()),
        "a number is no wish": 5,
    }.items():
        yield about, "strangers.wish.read", {"groupId": GROUP, "encrypted": text}


# --- section 18 ---


def message_args(**changes: Any) -> dict[str, Any]:
    """What makes a message of Ann, unless changed."""
    said = {
        "identity": ANN.secrets,
        **chain_args(),
        "messageId": MESSAGE_ID,
        "kind": "text",
        "number": 9,
        "previous": fixed("previous", 32),
        "sentMs": MADE_MS + 1,
        "content": {"text": "Hello, whoever you are."},
        "nonce": fixed("message nonce", 24),
    }
    return said | changes


def encrypted(**changes: Any) -> str:
    return str(result("strangers.message.make", **message_args(**changes))["encrypted"])


def relayed(text: Any, **changes: Any) -> dict[str, Any]:
    return {**of_ann(), "relayed": {"id": MESSAGE_ID, "encrypted": text} | changes}


def messages() -> Iterator[Question]:
    first = {**chain_args(first=1, epoch=1), "number": 1, "previous": NO_HASH}
    made_of: dict[str, dict[str, Any]] = {
        "the first of all": first,
        "one of a chain of keys": {},
        "an unknown field": {"content": {"text": "hello", "colour": [1.5, None]}},
        "escaped characters": {"content": {"text": 'a\n\t"\\\u2028\x7f/🐤'}},
    }
    for about, changes in made_of.items():
        args = message_args(**changes)
        yield about, "strangers.message.make", args
        text = encrypted(**changes)
        yield about, "strangers.message.read", relayed(text)
        chain = {name: args[name] for name in ("tag", "firstKey")}
        yield about, "strangers.message.open", {**relayed(text), **chain}


# --- sections 19 and 20 ---


def numbers() -> Iterator[Question]:
    for one, other in ((ANN, BOB), (BOB, ANN), (ANN, CY)):
        ids = {"one": one.member_id, "other": other.member_id}
        yield f"{one.name} and {other.name}", "strangers.safety", {"groupId": GROUP, **ids}
    yield "all three", "strangers.safety-of-all", {"members": members()}


def said_by_ann(*texts: str, first: int = FIRST) -> list[dict[str, Any]]:
    """Messages one after the other, each with its key."""
    previous, revealed = fixed("previous", 32), []
    keys = result("strangers.chain", **chain_args(), numbers=[first + at for at in range(9)])[
        "keys"
    ]
    for at, text in enumerate(texts):
        message_id = to_text(fixed(f"message {at}", 16))
        args = {"messageId": message_id, "number": first + at, "previous": previous}
        made = result("strangers.message.make", **message_args(content={"text": text}, **args))
        key = to_text(keys[at])
        revealed.append({"id": message_id, "envelope": made["encrypted"], "key": key})
        previous = made["hash"]
    return revealed


def evidence(*messages: Any, **changes: Any) -> dict[str, Any]:
    whole = {"protocol": "hushwire/1/strangers", "groupId": GROUP, "card": card()}
    return whole | {"messages": [*messages]} | changes


def report(said: Any, **changes: Any) -> dict[str, Any]:
    return {"evidence": said, "groupId": GROUP, "userId": user_id(ANN), **changes}


def reports() -> Iterator[Question]:
    one, two, three = said_by_ann("one", "two", "three")
    yield "nothing", "strangers.evidence", report(evidence())
    yield "three in a row", "strangers.evidence", report(evidence(one, two, three))
    yield "one left out", "strangers.evidence", report(evidence(one, three))
    yield "an unknown field", "strangers.evidence", report(evidence(two, note="!"))
