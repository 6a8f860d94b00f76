"""Questions on channels to which a vector has a good answer, section by section."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from scripts.demo_parts.protocol.envelopes import NO_HASH
from scripts.demo_parts.protocol.identity import Identity
from scripts.demo_parts.protocol.packing import LARGEST_NUMBER, to_text
from tests.web.protocol.good import Question, result
from tests.web.protocol.people import MADE_MS, fixed

CHANNEL = "01a20319-4a0e-7e01-ab1a-2b6e5f1632d6"
KEY = fixed("channel's epoch key", 32)
EPHEMERAL = fixed("channel's ephemeral", 32)
MESSAGE_ID = to_text(fixed("colleague's message", 16))


@dataclass(frozen=True)
class Laptop:
    """A device, and since which number it is a recipient."""

    user_id: str
    device_id: str
    since: int = 1
    owner: str = ""

    @property
    def identity(self) -> Identity:
        """All devices of an owner have one seed."""
        owner = self.owner or self.user_id
        seed = fixed(f"seed of {owner}", 32)
        return Identity(seed, fixed(f"prekey of {self.user_id}'s {self.device_id}", 32))

    @property
    def named(self) -> dict[str, Any]:
        """What its member id is made of."""
        return {
            "identityKey": self.identity.sign_key,
            "userId": self.user_id,
            "deviceId": self.device_id,
        }

    @property
    def published(self) -> dict[str, Any]:
        return {**self.named, "boxKey": self.identity.box_key}

    @property
    def secrets(self) -> dict[str, Any]:
        seed, box_secret = self.identity.seed, self.identity.box_secret
        said = {"userId": self.user_id, "deviceId": self.device_id}
        return {"seed": seed, "boxSecret": box_secret, **said}


ANN = Laptop("u-ann", "laptop")
ANNS_PHONE = Laptop("u-ann", "téléphone ❤", since=4)
BOB = Laptop("7", "phone", since=LARGEST_NUMBER)
CY = Laptop("u-cy", "laptop")
READERS = (ANN, ANNS_PHONE, BOB)


def questions() -> Iterator[Question]:
    yield from places_and_devices()
    yield from keys()
    yield from messages()
    yield from numbers()


# --- section 24 ---


def places_and_devices() -> Iterator[Question]:
    yield "a channel", "channels.place", {"conversationId": CHANNEL}
    yield "another", "channels.place", {"conversationId": "⚂"}
    yield "a device", "channels.device", ANN.published
    yield "another of the same account", "channels.device", ANNS_PHONE.published
    prekey = {"boxKey": fixed("a newer prekey", 32)}
    yield "the same with another prekey", "channels.device", ANN.published | prekey
    yield "one of a user with a number", "channels.device", BOB.published
    yield (
        "names that could run together",
        "channels.device",
        ANN.published
        | {
            "userId": "u-annlap",
            "deviceId": "top",
        },
    )


def numbers() -> Iterator[Question]:
    one, other = ANN.identity.sign_key, BOB.identity.sign_key
    yield "Ann and Bob", "channels.safety", {"one": one, "other": other}
    yield "Bob and Ann", "channels.safety", {"one": other, "other": one}


# --- section 25 ---


def keys_args(*readers: Laptop, **changes: Any) -> dict[str, Any]:
    """What wraps Ann's key for some devices."""
    return {
        "conversationId": CHANNEL,
        "sender": ANN.named,
        "recipients": [{**one.published, "from": one.since} for one in readers or READERS],
        "key": KEY,
        "ephemeralSecret": EPHEMERAL,
        **changes,
    }


def made_keys(*readers: Laptop, **changes: Any) -> dict[str, Any]:
    made = result("channels.keys.make", **keys_args(*readers, **changes))
    assert isinstance(made, dict)
    return made


def opening_args(device: Laptop, **changes: Any) -> dict[str, Any]:
    """What opens them."""
    said = {"conversationId": CHANNEL, "device": device.secrets, "sender": ANN.named}
    return {**said, **made_keys(), **changes}


def keys() -> Iterator[Question]:
    yield "for three devices", "channels.keys.make", keys_args()
    yield "in another order", "channels.keys.make", keys_args(*READERS[::-1])
    yield "for oneself", "channels.keys.make", keys_args(ANN)
    for one in READERS:
        about = f"by {one.user_id}'s {one.device_id}"
        yield about, "channels.keys.open", opening_args(one)
    yield "by one who is none of them", "channels.keys.open", opening_args(CY)


def message_args(**changes: Any) -> dict[str, Any]:
    """What makes a message of Ann's."""
    return {
        "conversationId": CHANNEL,
        "device": ANN.secrets,
        "recipients": made_keys()["recipients"],
        "key": KEY,
        "messageId": MESSAGE_ID,
        "kind": "text",
        "number": 1,
        "previous": NO_HASH,
        "sentMs": MADE_MS,
        "keys": made_keys()["keys"],
        "content": {"text": "hello, colleagues 🐤"},
        "nonce": fixed("channel's nonce", 24),
        **changes,
    }


def sent(**changes: Any) -> str:
    """As the server carries it."""
    return str(result("channels.message.make", **message_args(**changes))["content"])


def reading_args(content: str, **changes: Any) -> dict[str, Any]:
    """What reads something that the server brings as a message of Ann's."""
    said = {"id": MESSAGE_ID, "userId": ANN.user_id, "senderDeviceId": ANN.device_id}
    return {
        "conversationId": CHANNEL,
        "identityKey": ANN.identity.sign_key,
        "message": {**said, "content": content, **changes},
    }


def messages() -> Iterator[Question]:
    previous = fixed("channel's message before", 32)
    for about, changes in {
        "a first message": {},
        "one that carries no keys": {"keys": b"", "number": 2, "previous": previous},
    }.items():
        yield about, "channels.message.make", message_args(**changes)
        read = reading_args(sent(**changes))
        yield about, "channels.message.read", read
        yield about, "channels.message.open", read | {"key": KEY}
