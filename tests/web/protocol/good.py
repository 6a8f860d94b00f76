"""Questions to which a vector has a good answer, each section of docs/PROTOCOL.md in turn."""

from collections.abc import Iterator
from typing import Any

from scripts.demo_parts.protocol.chunks import seal_file
from scripts.demo_parts.protocol.contents import File
from scripts.demo_parts.protocol.envelopes import NO_HASH
from scripts.demo_parts.protocol.epochs import make_epoch, recipients_of, write_keys
from scripts.demo_parts.protocol.link import Link
from scripts.demo_parts.protocol.packing import LARGEST_NUMBER, to_text
from tests.web.protocol.answers import answer, from_json, to_json
from tests.web.protocol.people import (
    ALL_IDS,
    ANN,
    BOB,
    CY,
    EPHEMERAL,
    EPOCH,
    EVERYONE,
    KEY,
    KEYS,
    LINK,
    MADE_MS,
    SINCE,
    epoch_args,
    fixed,
)

Question = tuple[str, str, dict[str, Any]]

WHOLE = f"https://relay.example/#{LINK.fragment}"
MESSAGE_ID = to_text(fixed("message", 16))


def questions() -> Iterator[Question]:
    yield from notation()
    yield from links_and_members()
    yield from epochs()
    yield from messages()
    yield from chains()
    yield from signals()
    yield from files()


def result(operation: str, **args: Any) -> Any:
    """The good answer of our implementation."""
    return from_json(answer(operation, to_json(args))["result"])


# --- section 1 ---


def notation() -> Iterator[Question]:
    for size in range(5):
        data = fixed("base64url", size)
        yield f"{size} bytes", "base64url.write", {"bytes": data}
        yield f"{size} bytes", "base64url.read", {"text": to_text(data)}
    yield "all characters", "base64url.read", {"text": "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef"}
    yield "the others", "base64url.read", {"text": "ghijklmnopqrstuvwxyz0123456789-_"}
    for number in (0, 1, 2**32, LARGEST_NUMBER):
        yield str(number), "u64.write", {"number": number}
    yield "the largest", "u64.read", {"bytes": LARGEST_NUMBER.to_bytes(8)}
    for fields in ([], [b""], [b"a"], [b"", b"bc", b""], [fixed("field", 300), b"\0"]):
        packed = result("pack", fields=fields)
        yield f"{len(fields)} fields", "pack", {"fields": fields}
        yield f"{len(fields)} fields", "unpack", {"packed": packed, "count": len(fields)}
    for floor in (64, 256):
        for size in (0, 63, 64, 255, 256, 8191, 8192, 16383, 16384, 32767, 32768, 65535):
            yield f"{size} bytes", "pad", {"size": size, "floor": floor}
    for plain in (b"", b"\x80", b"\0\0", b"a\x80\0"):
        yield plain.hex() or "nothing", "unpad", {"padded": plain + b"\x80" + bytes(5)}
    yield "no zeros", "unpad", {"padded": b"ab\x80"}
    secrets = {"key": fixed("key", 32), "salt": fixed("salt", 16)}
    yield "no fields", "derive", {**secrets, "label": "content", "fields": []}
    yield "two fields", "derive", {**secrets, "label": "auth", "fields": [b"\0", fixed("f", 24)]}


# --- sections 2 and 3 ---


def links_and_members() -> Iterator[Question]:
    for shares in (False, True):
        about = "shared history" if shares else "no shared history"
        place = {"sessionId": LINK.session_id, "secret": LINK.secret, "creator": LINK.creator}
        yield about, "link.make", {**place, "sharesHistory": shares}
        link = Link(LINK.session_id, LINK.secret, LINK.creator, shares)
        yield about, "link.read", {"text": link.fragment}
    yield "a whole address", "link.read", {"text": WHOLE}
    yield "blanks around it", "link.read", {"text": f" {LINK.fragment}\n"}
    for one in EVERYONE:
        yield one.name, "identity", one.secrets
        nonce = fixed(f"{one.name}'s nonce", 24)
        made = {"name": one.name, "madeMs": MADE_MS, "nonce": nonce}
        yield one.name, "card.make", {**of(one), **made}
        read = {"link": LINK.fragment, "card": one.card.text}
        yield one.name, "card.read", read
        yield f"{one.name}, as shown", "card.read", {**read, "userId": to_text(one.member_id)}
    for about, name in {
        "the longest name": "x" * 64,
        "a name of 256 bytes": "🐤" * 64,
        "a name of combined characters": "e\u0301 👩‍👩‍👧",
        "a name with blanks": "  Ann  ",
    }.items():
        made = {"name": name, "madeMs": LARGEST_NUMBER, "nonce": fixed("name", 24)}
        card = result("card.make", **of(ANN), **made)["card"]
        yield about, "card.read", {"link": LINK.fragment, "card": card}
    for other in (BOB, CY):
        ids = {"one": ANN.member_id, "other": other.member_id}
        yield f"Ann and {other.name}", "safety", {"sessionId": LINK.session_id, **ids}
        ids = {"one": other.member_id, "other": ANN.member_id}
        yield f"{other.name} and Ann", "safety", {"sessionId": LINK.session_id, **ids}


def of(someone: Any) -> dict[str, Any]:
    return {"link": LINK.fragment, "identity": someone.secrets}


# --- sections 4 to 6 ---


def epochs() -> Iterator[Question]:
    place = {"link": LINK.fragment, "sender": ANN.member_id, "key": KEY}
    yield "for everybody", "epoch", {**place, "audience": b"", "members": ALL_IDS}
    yield "in any order", "epoch", {**place, "audience": b"", "members": ALL_IDS[::-1]}
    pair = [ANN.member_id, BOB.member_id]
    yield "for Bob", "epoch", {**place, "audience": BOB.member_id, "members": pair}
    wrapped = [{"card": one.card.text, "from": SINCE[one.member_id]} for one in EVERYONE]
    made = {"epoch": epoch_args(), "recipients": wrapped, "ephemeralSecret": EPHEMERAL}
    yield "for all three", "keys.wrap", {"link": LINK.fragment, **made}
    for one in EVERYONE:
        yield f"by {one.name}", "keys.unwrap", {**of(one), **tag_args(), "keys": KEYS}
    private = make_epoch(LINK, ANN.member_id, BOB.member_id, recipients_of(pair), KEY)
    cards = [ANN.card, BOB.card]
    keys = write_keys(LINK, private, cards, dict.fromkeys(pair, 1), EPHEMERAL)
    args = {**tag_args(private), "keys": keys}
    yield "for Bob, by Bob", "keys.unwrap", {**of(BOB), **args}
    yield "for Bob, by Cy: none", "keys.unwrap", {**of(CY), **args}


def tag_args(epoch: Any = EPOCH) -> dict[str, Any]:
    tag = epoch.tag
    place = {"sender": tag.sender, "audience": tag.audience}
    return {**place, "recipients": tag.recipients, "epochId": tag.epoch_id}


def message_args(**changes: Any) -> dict[str, Any]:
    """What makes a message of Ann to everybody, unless changed."""
    args = {
        **of(ANN),
        "epoch": epoch_args(),
        "messageId": MESSAGE_ID,
        "kind": "text",
        "number": 7,
        "previous": fixed("previous", 32),
        "sentMs": MADE_MS + 1,
        "keys": b"",
        "content": {"text": "Good morning, Bob."},
        "nonce": fixed("message nonce", 24),
    }
    return args | changes


def relayed(encrypted: str, **changes: Any) -> dict[str, Any]:
    """What reads it, as the relay tells of it."""
    told = {"id": MESSAGE_ID, "from": ANN.card.user_id, "to": None, "encrypted": encrypted}
    place = {"link": LINK.fragment, "card": ANN.card.text}
    return {**place, "epoch": epoch_args(), "relayed": told | changes}


def messages() -> Iterator[Question]:
    first = {"number": 1, "previous": NO_HASH, "keys": KEYS}
    made: dict[str, dict[str, Any]] = {
        "a first message": first,
        "one that carries no keys": {},
        "an unknown field": {"content": {"text": "hello", "colour": [1.5, None, {"a": -1}]}},
        "a removal": {"kind": "remove", "content": {"member": CY.card.user_id}},
        "escaped characters": {"content": {"text": 'a\n\t"\\\u2028\x7f/🐤'}},
    }
    for about, changes in made.items():
        args = message_args(**changes)
        yield about, "message.make", args
        encrypted = result("message.make", **args)["encrypted"]
        yield about, "message.read", relayed(encrypted)
        yield about, "message.open", relayed(encrypted)
    audience = BOB.member_id
    pair = recipients_of([ANN.member_id, audience])
    private = epoch_args(make_epoch(LINK, ANN.member_id, audience, pair, KEY))
    args = message_args(epoch=private)
    yield "for Bob", "message.make", args
    encrypted = result("message.make", **args)["encrypted"]
    told = relayed(encrypted, to=BOB.card.user_id) | {"epoch": private}
    yield "for Bob", "message.open", told


# --- section 8 ---


def chains() -> Iterator[Question]:
    yield "in order", "chain", steps(1, 2, 3)
    yield "begun in the middle", "chain", steps(5, 6)
    yield "begun in the middle, of which the keys tell", "chain", steps((5, 3), 6)
    yield "a gap that is filled", "chain", steps(1, 5, 3, 2, 4)
    yield "repeated", "chain", steps(1, 2, 2, 1)
    yield "of before it was begun", "chain", steps(5, 4, 2)
    yield "a leap", "chain", steps(1, LARGEST_NUMBER, 12)
    other = {**step(2), "hash": fixed("other", 32)}
    yield "forked at a known number", "chain", {"steps": [step(1), step(2), other]}
    misfit = {**step(3), "previous": fixed("other", 32)}
    yield "forked at the next", "chain", {"steps": [step(1), step(2), misfit, step(3)]}
    late = {**step(2), "hash": fixed("other", 32)}
    yield "forked before a known number", "chain", {"steps": [step(1), step(3), late, step(2)]}
    first = {**step(1), "previous": fixed("other", 32)}
    yield "forked at the first", "chain", {"steps": [first, step(1)]}
    told = [step(1), told_step(1), told_step(3), {"giveUp": 3}, step(2), step(3), {"giveUp": 2}]
    yield "heads tell of more", "chain", {"steps": told}
    other_head = {**told_step(1), "hash": fixed("other", 32)}
    yield "a head of another", "chain", {"steps": [step(1), other_head, other_head]}
    nothing = [told_step(0), told_step(2), {"giveUp": 2}, step(2), step(1)]
    yield "nothing came, but heads did", "chain", {"steps": nothing}
    later = [step(6), step(4), {"startAt": 2}, step(3), {"startAt": 2}, {"startAt": 5}]
    yield "the keys come later", "chain", {"steps": later}


def step(number: int, since: int = 0) -> dict[str, Any]:
    previous = hash_of(number - 1) if number > 1 else NO_HASH
    return {"number": number, "hash": hash_of(number), "previous": previous, "from": since}


def told_step(number: int) -> dict[str, Any]:
    return {"told": number, "hash": hash_of(number)}


def hash_of(number: int) -> bytes:
    return fixed(f"message {number}", 32)


def steps(*numbers: int | tuple[int, int]) -> dict[str, Any]:
    return {"steps": [step(*((one,) if isinstance(one, int) else one)) for one in numbers]}


# --- sections 8 to 10 ---


def signal_args(**changes: Any) -> dict[str, Any]:
    """What makes a signal of Ann for Bob, unless changed."""
    args = {
        **of(ANN),
        "card": BOB.card.text,
        "signalNumber": MADE_MS,
        "kind": "keys-wanted",
        "fields": [EPOCH.tag.epoch_id],
        "nonce": fixed("signal nonce", 24),
    }
    return args | changes


def head_args(**changes: Any) -> dict[str, Any]:
    newest = {"number": 7, "hash": hash_of(7)}
    return {**of(ANN), "signalNumber": MADE_MS, **newest, "alone": [], **changes}


def alone(reader: Any, number: int) -> dict[str, Any]:
    """What a head tells one reader of what was sent to it alone."""
    return {"card": reader.card.text, "number": number, "hash": hash_of(number)}


def heard(encrypted: Any, reader: Any = BOB) -> dict[str, Any]:
    return {**of(reader), "card": ANN.card.text, "encrypted": encrypted}


def signals() -> Iterator[Question]:
    heads: dict[str, dict[str, Any]] = {
        "to everybody": {},
        "to Bob alone, too": {"alone": [alone(BOB, 3)]},
        "to Bob and Cy, each alone": {"alone": [alone(CY, 2), alone(BOB, 3)]},
        "to Cy alone": {"alone": [alone(CY, 2)]},
        "of nothing": {"number": 0, "hash": NO_HASH},
    }
    for about, changes in heads.items():
        args = head_args(**changes)
        yield about, "head.make", args
        yield about, "signal.read", heard(result("head.make", **args))
    words: dict[str, dict[str, Any]] = {
        "one field": {},
        "no field": {"kind": "keys", "fields": []},
        "an unknown kind": {"kind": "wave", "fields": [b"", b"\0"]},
    }
    for about, changes in words.items():
        args = signal_args(**changes)
        yield about, "signal.make", args
        yield about, "signal.read", heard(result("signal.make", **args))


def files() -> Iterator[Question]:
    content, note, sealed = small_file()
    for index, chunk in enumerate(sealed):
        args = {"content": content, "index": index, "sealed": chunk}
        yield f"chunk {index} of {note.count}", "chunk.open", args
    for about, file in {
        "a file": content["file"],
        "a file with a preview": {**content["file"], "preview": to_text(fixed("preview", 90))},
        "an empty file": {**content["file"], "size": 0, "hashes": ""},
    }.items():
        args = message_args(kind="file", content={"file": file})
        yield about, "message.open", relayed(result("message.make", **args)["encrypted"])

    for about, name in FILE_NAMES.items():
        yield about, "file.name", {"name": name}
    for about, changes in {
        "a file with a name that leads elsewhere": {"name": "../../etc/passwd"},
        "a file with half a surrogate pair in its name": {"name": "a\ud83d.txt"},
        "a file with a type that is none": {"type": "text/plain\n"},
        "a file with the longest name": {"name": "🐤" * 255},
    }.items():
        args = message_args(kind="file", content={"file": {**content["file"], **changes}})
        yield about, "message.open", relayed(result("message.make", **args)["encrypted"])


FILE_NAMES = {
    "an ordinary one": "Größe 10 % (2).tar.gz",
    "of one character": "a",
    "none": "",
    "one that leads elsewhere": "../a/b\\c:d",
    "one that a shell would read": 'a*b?c"d<e>f|g',
    "one that controls": "a\r\n\x00\x1b[2J\x7f\x85b",
    "one with separators": "a\u2028b\u2029c",
    "one that turns": "holiday\u202egnp.exe\u2066\u200f\u061c",
    "one that hides": "a\u200b\u2060\ufeffb.exe",
    "joined characters stay": "👩\u200d👩\u200d👧 \u200c.png",
    "halves of surrogate pairs": "\ud83d🐤\udc24",
    "hidden": ".profile",
    "only dots": "..",
    "blanks at its ends": "\u00a0a.txt ",
    "a dot at its end": "a.exe.",
    "a device": "con",
    "a device with an ending": "LPT1.txt",
    "a device with blanks and endings": "NUL  .tar.gz",
    "a device with a raised number": "com².txt",
    "no device": "console.log",
    "no device either": "com10",
    "one that becomes a device": "x" * 10 + "con." + "y" * 251,
    "one that is too long": "🐤" * 260 + ".exe",
}


def limits() -> Iterator[Question]:
    """The largest that there may be: too long to stand in the file of vectors."""
    text = "❤" * 16_000
    made = result("message.make", **message_args(content={"text": text}))
    yield "the longest text", "message.open", relayed(made["encrypted"])
    # The padding comes in steps: one is just below the limit for text, one above it.
    for size in (8_000, 16_384):
        large = signal_args(kind="file-chunk", fields=[fixed("chunk", size)])
        encrypted = result("signal.make", **large)
        yield f"{size} bytes, as {type(encrypted).__name__}", "signal.read", heard(encrypted)
    preview = to_text(fixed("preview", 24 * 1024))
    file = {**small_file()[0]["file"], "preview": preview}
    made = result("message.make", **message_args(kind="file", content={"file": file}))
    yield "the largest preview", "message.open", relayed(made["encrypted"])


def small_file() -> tuple[dict[str, Any], Any, list[bytes]]:
    """A file in three chunks: what a message says of it, and its sealed chunks."""
    random = iter([fixed("file id", 16), fixed("file key", 32)])
    note, sealed = seal_file("plans ❤.txt", fixed("file", 250), 100, lambda _: next(random))
    return File(note).said(), note, sealed
