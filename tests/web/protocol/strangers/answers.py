"""What the Python implementation answers on groups of strangers; answers.js has the same."""

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from scripts.demo_parts.protocol.contents import Text, parse, read_content
from scripts.demo_parts.protocol.identity import Identity
from scripts.demo_parts.protocol.refusal import MalformedError
from scripts.demo_parts.protocol.strangers.cards import (
    StrangerCard,
    read_stranger_card,
    write_stranger_card,
)
from scripts.demo_parts.protocol.strangers.chains import ChainTag, KeyChain
from scripts.demo_parts.protocol.strangers.evidence import check_evidence
from scripts.demo_parts.protocol.strangers.keys import (
    KeysNote,
    open_keys,
    read_keys,
    read_wish,
    write_keys,
    write_wish,
)
from scripts.demo_parts.protocol.strangers.messages import (
    Draft,
    StrangerEnvelope,
    read_stranger_message,
    write_stranger_message,
)
from scripts.demo_parts.protocol.strangers.place import members_hash, place_of
from scripts.demo_parts.protocol.strangers.safety import group_number, pair_number

Args = dict[str, Any]


def _identity_of(args: Args) -> Identity:
    return Identity(args["seed"], args["boxSecret"])


def _members(args: Args) -> bytes:
    members = [(one["userId"], one["memberId"]) for one in args["members"]]
    return members_hash(place_of(args["groupId"]), members)


def _make_card(args: Args) -> str:
    identity = _identity_of(args["identity"])
    return write_stranger_card(identity, args["userId"], args["login"], args["madeMs"])


def _read_card(args: Args) -> Args:
    card = _card_of(args)
    return {
        "userId": card.user_id,
        "login": card.login,
        "signKey": card.sign_key,
        "boxKey": card.box_key,
        "madeMs": card.made_ms,
        "memberId": card.member_id,
    }


def _card_of(args: Args) -> StrangerCard:
    return read_stranger_card(args["card"], args["userId"])


def _chain_of(args: Args) -> KeyChain:
    return KeyChain(place_of(args["groupId"]), ChainTag(**args["tag"]), args["firstKey"])


def _chain(args: Args) -> Args:
    chain = _chain_of(args)
    keys = []
    for number in args["numbers"]:
        keys.append(chain.key_of(number))
        chain.forget(number)
    return {"chainId": chain.chain_id, "keys": keys, **_state(chain)}


def _state(chain: KeyChain) -> Args:
    number, key = chain.state
    return {"next": number, "key": key}


def _make_keys(args: Args) -> str:
    recipients = [(one["memberId"], one["boxKey"]) for one in args["recipients"]]
    identity, secret = _identity_of(args["identity"]), args["ephemeralSecret"]
    return write_keys(identity, _chain_of(args), args["previous"], recipients, secret)


def _note_of(args: Args) -> KeysNote:
    return read_keys(place_of(args["groupId"]), _card_of(args), args["encrypted"])


def _read_keys(args: Args) -> Args:
    note = _note_of(args)
    told = {"tag": asdict(note.tag), "chainId": note.chain_id, "previous": note.previous}
    return {**told, "recipients": [*note.wrapped]}


def _open_keys(args: Args) -> Args | None:
    identity = _identity_of(args["identity"])
    chain = open_keys(place_of(args["groupId"]), identity, _note_of(args))
    return _state(chain) if chain else None


def _make_message(args: Args) -> Args:
    draft = Draft(args["messageId"], args["kind"], args["number"], args["previous"], args["sentMs"])
    # As JSON.stringify writes it.
    content = json.dumps(args["content"], ensure_ascii=False, separators=(",", ":")).encode()
    identity = _identity_of(args["identity"])
    envelope = write_stranger_message(identity, _chain_of(args), draft, content, args["nonce"])
    return {"encrypted": envelope.text, "hash": envelope.hash}


def _envelope_of(args: Args) -> StrangerEnvelope:
    relayed, place = args["relayed"], place_of(args["groupId"])
    return read_stranger_message(place, relayed["id"], relayed["encrypted"], _card_of(args))


def _read_message(args: Args) -> Args:
    envelope = _envelope_of(args)
    head, draft = envelope.head, envelope.head.draft
    return {
        "kind": draft.kind,
        "chainId": head.chain_id,
        "epoch": head.epoch,
        "members": head.members,
        "number": draft.number,
        "previous": draft.previous,
        "sentMs": draft.sent_ms,
        "commitment": head.commitment,
        "hash": envelope.hash,
    }


def _open_message(args: Args) -> Args:
    envelope, chain = _envelope_of(args), _chain_of(args)
    key = chain.key_of(envelope.head.draft.number)
    content = read_content(envelope.head.draft.kind, parse(envelope.open(key)))
    if not isinstance(content, Text):
        raise MalformedError("not known among strangers")
    return content.said()


def _check_evidence(args: Args) -> list[Args]:
    revealed = check_evidence(args["evidence"], args["groupId"], args["userId"])
    return [
        {
            "id": one.message_id,
            "number": one.number,
            "sentMs": one.sent_ms,
            "kind": one.kind,
            "content": one.content,
            "isNext": one.is_next,
        }
        for one in revealed
    ]


OPERATIONS: dict[str, Callable[[Args], Any]] = {
    "strangers.place": lambda args: place_of(args["groupId"]),
    "strangers.members": _members,
    "strangers.card.make": _make_card,
    "strangers.card.read": _read_card,
    "strangers.chain": _chain,
    "strangers.keys.make": _make_keys,
    "strangers.keys.read": _read_keys,
    "strangers.keys.open": _open_keys,
    "strangers.wish.make": lambda args: write_wish(place_of(args["groupId"]), args["chainId"]),
    "strangers.wish.read": lambda args: read_wish(place_of(args["groupId"]), args["encrypted"]),
    "strangers.message.make": _make_message,
    "strangers.message.read": _read_message,
    "strangers.message.open": _open_message,
    "strangers.evidence": _check_evidence,
    "strangers.safety": lambda args: pair_number(
        place_of(args["groupId"]), args["one"], args["other"]
    ),
    "strangers.safety-of-all": lambda args: group_number(args["members"]),
}
