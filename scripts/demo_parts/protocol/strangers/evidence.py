"""What a report reveals, so that others can see who said what."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from scripts.demo_parts.protocol.contents import parse
from scripts.demo_parts.protocol.packing import from_text, of_size, to_text
from scripts.demo_parts.protocol.primitives import KEY_BYTES
from scripts.demo_parts.protocol.refusal import MalformedError
from scripts.demo_parts.protocol.strangers.cards import StrangerCard, read_stranger_card
from scripts.demo_parts.protocol.strangers.messages import (
    StrangerEnvelope,
    read_stranger_message,
)
from scripts.demo_parts.protocol.strangers.place import place_of

PROTOCOL = "hushwire/1/strangers"
MESSAGES = 200


@dataclass(frozen=True)
class Revealed:
    """A message that the holder of a card said.

    Attributes:
        is_next: It follows the one before in the evidence, with none left out between.
    """

    message_id: str
    number: int
    sent_ms: int
    kind: str
    content: object
    is_next: bool


def write_evidence(
    group_id: str, card: StrangerCard, messages: Iterable[tuple[StrangerEnvelope, bytes]]
) -> dict[str, Any]:
    """What proves that somebody said these messages.

    Args:
        messages: All of the same sender, in order, each with its key.
    """
    revealed = [
        {"id": envelope.head.draft.message_id, "envelope": envelope.text, "key": to_text(key)}
        for envelope, key in messages
    ]
    return {"protocol": PROTOCOL, "groupId": group_id, "card": card.text, "messages": revealed}


def check_evidence(evidence: object, group_id: str, user_id: str) -> list[Revealed]:
    """Look whether the holder of that card said all of it, in that group.

    That the card is the user's, the evidence cannot prove: compare it with what the relay had.

    Raises:
        MalformedError: It is no evidence.
        ForgedError: Something of it was not said so.
    """
    said = evidence if isinstance(evidence, dict) else {}
    messages = said.get("messages")
    is_known = (said.get("protocol"), said.get("groupId")) == (PROTOCOL, group_id)
    if not is_known or not isinstance(messages, list) or len(messages) > MESSAGES:
        raise MalformedError("no evidence of that group")
    card = read_stranger_card(said.get("card"), user_id)
    place, last, revealed = place_of(group_id), b"", []
    for message in messages:
        envelope, content = _open(place, card, message)
        draft = envelope.head.draft
        revealed.append(
            Revealed(
                draft.message_id,
                draft.number,
                draft.sent_ms,
                draft.kind,
                content,
                draft.previous == last,
            )
        )
        last = envelope.hash
    return revealed


def _open(place: bytes, card: StrangerCard, message: object) -> tuple[StrangerEnvelope, object]:
    said = message if isinstance(message, dict) else {}
    message_id, key = said.get("id"), said.get("key")
    if not isinstance(message_id, str) or not isinstance(key, str):
        raise MalformedError("no message")
    envelope = read_stranger_message(place, message_id, said.get("envelope"), card)
    return envelope, parse(envelope.open(of_size(from_text(key), KEY_BYTES)))
