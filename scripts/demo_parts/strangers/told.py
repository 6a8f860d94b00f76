"""What the relay says of a random group, brought into shape."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ToldMember:
    """Somebody in the group, as the relay shows it."""

    user_id: str
    login: str
    public_key: object


@dataclass(frozen=True)
class ToldMessage:
    """A message as the relay brings it.

    Attributes:
        to: The user id of the one whom it is for; None for everybody.
    """

    message_id: str
    sender: str
    to: str | None
    encrypted: object
    is_keys: bool
    seq: int


def members_of(told: Iterable[dict[str, Any]]) -> list[ToldMember]:
    """Read a list of members; of two with one user id the last one counts."""
    members = [
        ToldMember(str(one["userId"]), str(one.get("login", "")), one.get("publicKey"))
        for one in told
    ]
    return [*{member.user_id: member for member in members}.values()]


def message_of(told: dict[str, Any]) -> ToldMessage:
    to = told.get("to")
    return ToldMessage(
        str(told["id"]),
        str(told["senderId"]),
        None if to in (None, "") else str(to),
        told.get("encryptedContent"),
        told.get("messageType") == "key_exchange",
        int(told.get("seq", 0)),
    )
