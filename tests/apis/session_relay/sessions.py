"""Words of the session relay's tests."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import aiohttp
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


def events(person: Person) -> list[str]:
    """The names of all that somebody has heard, in order."""
    return [name for name, _ in person.heard]


def user_ids(members: Iterable[dict[str, Any]]) -> list[str | int]:
    return [member["userId"] for member in members]


async def metrics_of(node_url: str) -> dict[str, float]:
    """All that one process measures, by name and labels."""
    async with aiohttp.ClientSession(node_url) as http, http.get("/metrics") as response:
        lines = (await response.text()).splitlines()
    pairs = (line.rpartition(" ") for line in lines if not line.startswith("#"))
    return {name: float(value) for name, _, value in pairs}


def texts(messages: Iterable[dict[str, Any]]) -> list[Any]:
    return [message["encrypted"] for message in messages]


def seqs(person: Person) -> list[int]:
    """The sequence numbers of what somebody has heard, in order."""
    return [data["seq"] for _, data in person.heard if isinstance(data, dict) and "seq" in data]
