"""Questions on channels that a vector refuses to answer, one fault at a time."""

from collections.abc import Iterator
from typing import Any

from scripts.demo_parts.protocol.packing import from_text, pack, to_text, unpack, unpack_all
from tests.web.protocol.channels.good import (
    ANN,
    ANNS_PHONE,
    BOB,
    CHANNEL,
    CY,
    MESSAGE_ID,
    made_keys,
    opening_args,
    reading_args,
    sent,
)
from tests.web.protocol.good import Question, result
from tests.web.protocol.good import message_args as session_message_args
from tests.web.protocol.people import fixed
from tests.web.protocol.points import odd_signatures
from tests.web.protocol.refused import changed


def questions() -> Iterator[Question]:
    yield from devices()
    yield from keys()
    yield from messages()
    yield from openings()


def devices() -> Iterator[Question]:
    odd = {one.about: one.key for one in odd_signatures()}
    for about, key in {
        "an identity key of small order": odd["key of small order 0"],
        "an identity key of mixed order": odd["key with small part 4, R with 0"],
    }.items():
        yield about, "channels.device", ANN.published | {"identityKey": key}
    for about, key in {
        "a prekey with which all secrets are the same": bytes(32),
        "a prekey of small order": (1).to_bytes(32, "little"),
    }.items():
        yield about, "channels.device", ANN.published | {"boxKey": key}


def keys() -> Iterator[Question]:
    made = made_keys()["keys"]
    ephemeral, *entries = unpack_all(made)
    swapped = {
        "an entry that was changed": [*entries[:-1], changed(entries[-1], 40)],
        "a number that was changed": [*entries[:-1], changed(entries[-1], 31)],
        "one device left out": entries[:-1],
        "out of order": entries[::-1],
        "twice for one": [entries[0], *entries],
    }
    last = max(_readers(), key=lambda one: one[0])[1]
    for about, some in swapped.items():
        args = opening_args(last, keys=pack(ephemeral, *some))
        yield about, "channels.keys.open", args
    fitting: dict[str, dict[str, Any]] = {
        "of another channel": {"conversationId": f"{CHANNEL}x"},
        "of another device of the sender": {"sender": ANNS_PHONE.named},
        "of another sender": {"sender": BOB.named},
        "of another epoch": {"epochId": fixed("another epoch", 16)},
        "for others": {"recipients": fixed("others", 32)},
        "with an older prekey": {"device": ANN.secrets | {"boxSecret": fixed("older", 32)}},
    }
    for about, changes in fitting.items():
        yield about, "channels.keys.open", opening_args(ANN) | changes


def _readers() -> list[tuple[bytes, Any]]:
    return [(result("channels.device", **one.published), one) for one in (ANN, ANNS_PHONE, BOB)]


def messages() -> Iterator[Question]:
    content = sent()
    head, sealed, signature = unpack(from_text(content), 3)
    for about, text in {
        "no envelope": "hello",
        "cut": content[:-8],
        "a changed signature": to_text(pack(head, sealed, changed(signature, 3))),
        "signed by another": to_text(pack(head, sealed, CY.identity.sign(sealed))),
        "changed ciphertext": to_text(pack(head, changed(sealed, 30), signature)),
        "a changed head": to_text(pack(changed(head, 60), sealed, signature)),
    }.items():
        yield about, "channels.message.read", reading_args(text)
    for about, told in {
        "as another's": {"userId": BOB.user_id},
        "as of another device": {"senderDeviceId": ANNS_PHONE.device_id},
        "under another id": {"id": "another"},
    }.items():
        yield about, "channels.message.read", reading_args(content, **told)
    elsewhere = reading_args(content) | {"conversationId": f"{CHANNEL}x"}
    yield "in another channel", "channels.message.read", elsewhere
    swapped = reading_args(content) | {"identityKey": CY.identity.sign_key}
    yield "by another identity key", "channels.message.read", swapped
    yield "a message of a session", "channels.message.read", reading_args(_of_a_session())


def _of_a_session() -> str:
    """What Ann's seed has signed elsewhere."""
    seed = ANN.identity.seed
    identity = {"seed": seed, "boxSecret": ANN.identity.box_secret}
    made = result("message.make", **session_message_args(identity=identity, messageId=MESSAGE_ID))
    return str(made["encrypted"])


def openings() -> Iterator[Question]:
    args = reading_args(sent())
    wrong = args | {"key": fixed("another key", 32)}
    yield "with another key", "channels.message.open", wrong
