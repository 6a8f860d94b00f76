"""What the Python implementation answers to questions on the protocol; answers.js has the same.

A question is an operation and its arguments, as JSON has them, with bytes as `{"hex": "…"}`. The
answer is `{"result": …}`, or `{"refused": reason}` of what must not be accepted.
"""

import json
import re
from collections.abc import Callable
from typing import Any

from scripts.demo_parts.protocol.cards import Card, read_card, write_card
from scripts.demo_parts.protocol.chains import Chain, Seen
from scripts.demo_parts.protocol.contents import Remove, Text, parse, read_content
from scripts.demo_parts.protocol.envelopes import (
    Envelope,
    Head,
    audience_of,
    read_envelope,
    write_envelope,
)
from scripts.demo_parts.protocol.epochs import (
    Epoch,
    Tag,
    make_epoch,
    read_keys,
    recipients_of,
    unwrap,
    write_keys,
)
from scripts.demo_parts.protocol.file_names import file_name
from scripts.demo_parts.protocol.identity import Identity
from scripts.demo_parts.protocol.link import Link, read_link
from scripts.demo_parts.protocol.packing import (
    from_text,
    pack,
    pad,
    read_u64,
    to_text,
    u64,
    unpack,
    unpad,
)
from scripts.demo_parts.protocol.primitives import (
    derive,
    hkdf,
    is_sign_key,
    seal,
    shared_secret,
    sign,
    unseal,
    verify,
)
from scripts.demo_parts.protocol.refusal import ForgedError, LinkError, RefusedError
from scripts.demo_parts.protocol.safety import safety_number
from scripts.demo_parts.protocol.signals import (
    Newest,
    Signal,
    read_signal,
    write_head,
    write_signal,
)
from tests.web.protocol.channels.answers import OPERATIONS as CHANNELS
from tests.web.protocol.strangers.answers import OPERATIONS as STRANGERS
from tests.web.protocol.told import told_of

Args = dict[str, Any]


def answer(operation: str, args: Args) -> dict[str, Any]:
    """The answer to a question, as JSON has it."""
    try:
        return {"result": to_json(OPERATIONS[operation](from_json(args)))}
    except RefusedError as error:
        return {"refused": _reason(error)}


def json_text(value: Any, separators: tuple[str, str] | None = None) -> str:
    """Write JSON as JSON.stringify does, which escapes halves of surrogate pairs."""
    text = json.dumps(value, ensure_ascii=False, separators=separators)
    return re.sub("[\ud800-\udfff]", lambda half: f"\\u{ord(half[0]):04x}", text)


def to_json(value: Any) -> Any:
    """Write bytes as JSON can have them."""
    if isinstance(value, bytes):
        return {"hex": value.hex()}
    if isinstance(value, dict):
        return {name: to_json(one) for name, one in value.items()}
    return [to_json(one) for one in value] if isinstance(value, list | tuple) else value


def from_json(value: Any) -> Any:
    """Make bytes again of what `to_json` wrote."""
    if isinstance(value, dict):
        is_bytes = set(value) == {"hex"}
        return bytes.fromhex(value["hex"]) if is_bytes else _each(value)
    return [from_json(one) for one in value] if isinstance(value, list) else value


def _each(value: Args) -> Args:
    return {name: from_json(one) for name, one in value.items()}


def _reason(error: RefusedError) -> str:
    if isinstance(error, LinkError):
        return error.reason
    return "forged" if isinstance(error, ForgedError) else "malformed"


# --- bytes and primitives ---


def _padded(args: Args) -> Args:
    padded = pad(bytes(args["size"]), args["floor"])
    return {"size": len(padded), "mark": padded[args["size"]]}


def _check_signature(args: Args) -> bool:
    if not is_sign_key(args["key"]):
        raise ForgedError("no key")
    verify(args["key"], args["data"], args["signature"])
    return True


# --- links, members, cards ---


def _link(link: Link) -> Args:
    return {
        "sessionId": link.session_id,
        "relaySessionId": link.relay_session_id,
        "creator": link.creator,
        "sharesHistory": link.has_shared_history,
        "authKey": to_text(link.auth_key),
        "linkKey": link.link_key,
        "cardKey": derive(link.link_key, link.session_id, "card"),
        "nameKey": derive(link.link_key, link.session_id, "name"),
    }


def _make_link(args: Args) -> Args:
    link = Link(args["sessionId"], args["secret"], args["creator"], args["sharesHistory"])
    return {"fragment": link.fragment, **_link(link)}


def _identity_of(args: Args) -> Identity:
    return Identity(args["seed"], args["boxSecret"])


def _identity(args: Args) -> Args:
    identity = _identity_of(args)
    return {
        "signKey": identity.sign_key,
        "boxKey": identity.box_key,
        "memberId": identity.member_id,
        "userId": identity.user_id,
    }


def _make_card(args: Args) -> Args:
    link, identity = read_link(args["link"]), _identity_of(args["identity"])
    text = write_card(link, identity, args["name"], args["madeMs"], args["nonce"])
    body, signature, proof = unpack(from_text(text), 3)
    sealed_name = unpack(body, 6)[5]
    parts = {"body": body, "sealedName": sealed_name, "signature": signature, "mac": proof}
    return {**parts, "card": text}


def _read_card(args: Args) -> Args:
    card = read_card(read_link(args["link"]), args["card"], args.get("userId"))
    return {
        "userId": card.user_id,
        "signKey": card.sign_key,
        "boxKey": card.box_key,
        "name": card.name,
        "madeMs": card.made_ms,
    }


# --- epochs and messages ---


def _epoch_of(link: Link, args: Args) -> Epoch:
    return make_epoch(link, args["sender"], args["audience"], args["recipients"], args["key"])


def _epoch(args: Args) -> Args:
    link = read_link(args["link"])
    epoch = _epoch_of(link, args | {"recipients": recipients_of(args["members"])})
    return {
        "recipients": epoch.tag.recipients,
        "epochId": epoch.tag.epoch_id,
        "contentKey": derive(epoch.key, link.session_id, "content"),
    }


def _wrap(args: Args) -> bytes:
    link = read_link(args["link"])
    cards: list[Card] = [read_card(link, one["card"]) for one in args["recipients"]]
    numbers = [one["from"] for one in args["recipients"]]
    since = {card.member_id: number for card, number in zip(cards, numbers, strict=True)}
    return write_keys(link, _epoch_of(link, args["epoch"]), cards, since, args["ephemeralSecret"])


def _unwrap(args: Args) -> Args | None:
    link, identity = read_link(args["link"]), _identity_of(args["identity"])
    tag = Tag(args["sender"], args["audience"], args["recipients"], args["epochId"])
    mine = unwrap(link, identity, tag, read_keys(args["keys"], tag))
    return {"key": mine.epoch.key, "from": mine.since} if mine else None


def _make_message(args: Args) -> Args:
    link, identity = read_link(args["link"]), _identity_of(args["identity"])
    epoch = _epoch_of(link, args["epoch"] | {"sender": identity.member_id})
    head = Head(
        link.session_id,
        args["messageId"],
        args["kind"],
        epoch.tag,
        args["number"],
        args["previous"],
        args["sentMs"],
        args["keys"],
    )
    content = json_text(args["content"], separators=(",", ":")).encode()
    envelope = write_envelope(identity, epoch, head, content, args["nonce"])
    return {
        "head": envelope.packed_head,
        "sealed": envelope.sealed,
        "signature": envelope.signature,
        "hash": envelope.hash,
        "encrypted": envelope.text,
    }


def _authentic(args: Args) -> Envelope:
    link, relayed = read_link(args["link"]), args["relayed"]
    sender = read_card(link, args["card"])
    envelope = read_envelope(relayed["encrypted"])
    envelope.check(link, sender.member_id, audience_of(relayed["to"]), relayed["id"])
    envelope.check_signature(sender.sign_key)
    return envelope


def _read_message(args: Args) -> Args:
    return told_of(_authentic(args))


def _open_message(args: Args) -> Args:
    envelope, link = _authentic(args), read_link(args["link"])
    said = parse(envelope.open(link, _epoch_of(link, args["epoch"])))
    content = read_content(envelope.head.kind, said)
    if isinstance(content, Text | Remove):
        return content.said()
    note = content.note
    return {
        "id": note.file_id,
        "name": note.name,
        "type": note.type,
        "size": note.size,
        "chunk": note.chunk,
        "count": note.count,
        "key": note.key,
        "hashes": note.hashes,
        "preview": note.preview,
    }


def _chain(args: Args) -> list[Any]:
    chain = Chain()
    return [_step(chain, step) for step in args["steps"]]


def _step(chain: Chain, step: Args) -> Args:
    if "told" in step:
        return {"state": str(chain.compare(step["told"], step["hash"]))}
    if "giveUp" in step:
        return {"missing": chain.give_up(step["giveUp"]), "gaps": [*chain.gaps]}
    if "startAt" in step:
        return {"missing": chain.start_at(step["startAt"]), "gaps": [*chain.gaps]}
    seen = Seen(step["hash"], step["previous"])
    place, missing = chain.take(step["number"], seen, step["from"])
    gaps = {"gaps": [*chain.gaps], "newest": chain.newest}
    return {"place": str(place), "missing": missing, **gaps}


# --- signals, files ---


def _make_head(args: Args) -> str | bytes:
    link = read_link(args["link"])
    newest = Newest(args["number"], args["hash"])
    alone = [
        (read_card(link, one["card"]), Newest(one["number"], one["hash"])) for one in args["alone"]
    ]
    return write_head(link, _identity_of(args["identity"]), args["signalNumber"], newest, alone)


def _make_signal(args: Args) -> str | bytes:
    link = read_link(args["link"])
    signal = Signal(args["signalNumber"], args["kind"], args["fields"])
    receiver = read_card(link, args["card"])
    return write_signal(link, _identity_of(args["identity"]), receiver, signal, args["nonce"])


def _read_signal(args: Args) -> Args:
    link = read_link(args["link"])
    sender = read_card(link, args["card"])
    read = read_signal(link, _identity_of(args["identity"]), sender, args["encrypted"])
    if isinstance(read, Signal):
        return {"signalNumber": read.signal_number, "kind": read.kind, "fields": read.fields}
    alone = {"number": read.alone.number, "hash": read.alone.hash} if read.alone else None
    newest = {"number": read.newest.number, "hash": read.newest.hash}
    return {"signalNumber": read.signal_number, **newest, "alone": alone}


def _open_chunk(args: Args) -> bytes:
    content = read_content("file", parse(json.dumps(args["content"]).encode()))
    assert not isinstance(content, Text | Remove)
    return content.note.open(args["index"], args["sealed"])


OPERATIONS: dict[str, Callable[[Args], Any]] = {
    "base64url.write": lambda args: to_text(args["bytes"]),
    "base64url.read": lambda args: from_text(args["text"]),
    "u64.write": lambda args: u64(args["number"]),
    "u64.read": lambda args: read_u64(args["bytes"]),
    "pack": lambda args: pack(*args["fields"]),
    "unpack": lambda args: unpack(args["packed"], args["count"]),
    "pad": _padded,
    "unpad": lambda args: unpad(args["padded"]),
    "derive": lambda args: derive(args["key"], args["salt"], args["label"], *args["fields"]),
    "hkdf": lambda args: hkdf(args["key"], args["salt"], args["info"], args["size"]),
    "seal": lambda args: seal(args["key"], args["nonce"], args["aad"], args["plain"]),
    "open": lambda args: unseal(args["key"], args["nonce"], args["aad"], args["sealed"]),
    "dh": lambda args: shared_secret(args["secret"], args["key"]),
    "sign": lambda args: sign(args["seed"], args["data"]),
    "verify": _check_signature,
    "link.make": _make_link,
    "link.read": lambda args: _link(read_link(args["text"])),
    "identity": _identity,
    "card.make": _make_card,
    "card.read": _read_card,
    "epoch": _epoch,
    "keys.wrap": _wrap,
    "keys.unwrap": _unwrap,
    "message.make": _make_message,
    "message.read": _read_message,
    "message.open": _open_message,
    "chain": _chain,
    "head.make": _make_head,
    "signal.make": _make_signal,
    "signal.read": _read_signal,
    "chunk.open": _open_chunk,
    "file.name": lambda args: file_name(args["name"]),
    "safety": lambda args: safety_number(args["sessionId"], args["one"], args["other"]),
    **STRANGERS,
    **CHANNELS,
}
