"""Words of the session relay's tests."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import pytest

from tests.people import Person

MEMBER = {"userId", "publicKey", "displayName", "joinedAt"}
MESSAGE = {"id", "from", "to", "encrypted", "timestamp", "type", "seq"}
OLD_MESSAGE = MESSAGE | {"originalContent"}


class Session(NamedTuple):
    """A session with people in it.

    Attributes:
        tokens: The member token of each by name.
    """

    id: str
    key: str
    tokens: dict[str, str]


def configured(**settings: Any) -> pytest.MarkDecorator:
    """Run the test's server with these settings."""
    return pytest.mark.parametrize("settings", [settings], ids=[""])


async def catch_up(*people: Person) -> None:
    """Wait until these people have heard all that the server has written to them so far."""
    for person in people:
        await person.ask("did-i-miss-something")
        told = next(one for one in reversed(person.heard) if one[0] == "session-error")
        person.heard.remove(told)


def events(person: Person) -> list[str]:
    """The names of all that somebody has heard, in order."""
    return [name for name, _ in person.heard]


def user_ids(members: Iterable[dict[str, Any]]) -> list[str | int]:
    return [member["userId"] for member in members]


def texts(messages: Iterable[dict[str, Any]]) -> list[Any]:
    return [message["encrypted"] for message in messages]


def seqs(person: Person) -> list[int]:
    """The sequence numbers of what somebody has heard, in order."""
    return [data["seq"] for _, data in person.heard if isinstance(data, dict) and "seq" in data]
