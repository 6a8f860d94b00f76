"""Random scenes for several guests."""

from collections.abc import Callable
from typing import Any, TypeVar

from hypothesis import strategies as st

from tests.conformance.guests import POLLING, WEBSOCKET
from tests.conformance.parlour import SPACES
from tests.conformance.scenes import (
    UNKNOWN,
    Act,
    Answer,
    Burst,
    Come,
    Connect,
    Disconnect,
    HangUp,
    Move,
    Probe,
    Say,
    Step,
)

T = TypeVar("T")

ROOMS = ("a", "b", "c")
NAMES = ("alice", "bob", "carol", "dave")

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)
WITH_BINARY = st.recursive(
    st.binary(max_size=40) | st.none() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)
ARGUMENTS = st.lists(JSON, max_size=3) | st.lists(JSON | WITH_BINARY, max_size=3)


Arguments = st.SearchStrategy[list[Any]]

_IDS = st.none() | st.integers(0, 2**40)
_TRANSPORTS = st.sampled_from([POLLING, WEBSOCKET])
_SPACES = st.sampled_from([*SPACES, "/"])
_PLAIN_EVENTS = ("echo", "slow", "tuple", "list", "nothing", "announce", "what is that?")
_ROOM_EVENTS = ("enter", "enter", "enter", "leave", "close", "rooms", "shout", "call", "ask-room")
_ASKING = ("ask", "ask-room")
_NAME_EVENTS = ("whisper", "ask", "ask")

_AUTHS: st.SearchStrategy[dict[str, Any] | None] = st.one_of(
    st.none(),
    st.dictionaries(st.text(max_size=5), JSON, max_size=2),
    st.just({"greet": True, "say": "é😀"}),
    st.sampled_from([{"refuse": "plainly"}, {"refuse": [1, {"a": None}]}]),
)


def _many(strategy: st.SearchStrategy[T], least: int, most: int) -> st.SearchStrategy[list[T]]:
    """So many on average as the mean, where `lists` prefers few."""
    sizes = st.integers(least, most)
    return sizes.flatmap(lambda size: st.lists(strategy, min_size=size, max_size=size))


def _say(
    events: tuple[str, ...], first: st.SearchStrategy[list[Any]], more: Arguments
) -> st.SearchStrategy[Say]:
    arguments = st.builds(lambda head, rest: head + rest, first, more)
    return st.builds(Say, _SPACES, st.sampled_from(events), arguments, _IDS)


def _acts(arguments: Arguments) -> st.SearchStrategy[Act]:
    room, name = (st.sampled_from(words).map(lambda word: [word]) for words in (ROOMS, NAMES))
    return st.one_of(
        _say(_PLAIN_EVENTS, st.just([]), arguments),
        _say(_ROOM_EVENTS, room, arguments),
        _say(_ROOM_EVENTS, room, arguments),
        _say(_NAME_EVENTS, name, arguments),
        st.builds(Answer, arguments),
        st.builds(Connect, st.sampled_from([*SPACES, UNKNOWN]), _AUTHS),
        st.builds(Disconnect, _SPACES),
    )


Passage = st.SearchStrategy[list[Step]]


def _passages(names: list[str], arguments: Arguments) -> Passage:
    """Some steps that make sense together."""
    who = st.sampled_from(names)
    talk = st.builds(Burst, who, _many(_acts(arguments), 1, 8))
    talks: Passage = _many(talk, 0, 2)

    def passage(make: Callable[..., list[Step]], *parts: st.SearchStrategy[Any]) -> Passage:
        return st.builds(make, who, talks, *parts)

    return st.one_of(
        _many(talk, 1, 4),
        passage(_upgrade, who, arguments),
        passage(_absence, st.sampled_from(["close", "drop"]), _TRANSPORTS, _AUTHS),
        passage(_return, _SPACES, _AUTHS),
        passage(_exile, _SPACES, who, _AUTHS),
        passage(_questions, _SPACES, who, st.sampled_from(_ASKING), arguments),
    )


def _upgrade(name: str, meanwhile: list[Step], by: str, arguments: list[Any]) -> list[Step]:
    """Go from polling to a WebSocket, while another says something to it."""
    sayings: list[Act] = [Say("/", "whisper", [name, *arguments], None)]
    sayings += [Say(space, "announce", arguments, None) for space in SPACES]
    return [Probe(name), *meanwhile, Burst(by, sayings), Move(name)]


def _absence(
    name: str, meanwhile: list[Step], how: str, transport: str, auth: dict[str, Any] | None
) -> list[Step]:
    back = Burst(name, [Connect(space, auth) for space in SPACES])
    return [HangUp(name, how), *meanwhile, Come(name, transport), back]


def _return(
    name: str, meanwhile: list[Step], space: str, auth: dict[str, Any] | None
) -> list[Step]:
    """Leave a namespace, and come back to it on the same line."""
    back = Burst(name, [Connect(space, auth), Say(space, "enter", ["a"], 1)])
    return [Burst(name, [Disconnect(space)]), *meanwhile, back]


def _exile(
    name: str, meanwhile: list[Step], space: str, by: str, auth: dict[str, Any] | None
) -> list[Step]:
    """Be thrown out of a namespace, perhaps by oneself, and come back to it."""
    throw = Burst(by, [Say(space, "throw-out", [name], 2)])
    return [throw, *meanwhile, Burst(name, [Connect(space, auth)])]


def _questions(
    name: str, meanwhile: list[Step], space: str, to: str, how: str, arguments: list[Any]
) -> list[Step]:
    whom = to if how == "ask" else "a"
    ask = Burst(name, [Say(space, how, [whom, *arguments], None)])
    return [ask, *meanwhile, Burst(to, [Answer(arguments), Answer([])])]


@st.composite
def scenes(draw: st.DrawFn) -> list[Step]:
    """Some guests come, most open both namespaces and some a room, and then act in turn."""
    transports = draw(_many(_TRANSPORTS, 1, 4))
    # A few for all: drawn anew for each packet they would leave no room for long scenes.
    pool = draw(_many(ARGUMENTS, 1, 5))
    names = list(NAMES[: len(transports)])
    opening: list[Step] = []
    for name, transport in zip(names, transports, strict=True):
        acts: list[Act] = [Connect(space, draw(_AUTHS)) for space in SPACES]
        rooms = draw(st.sets(st.sampled_from(ROOMS)))
        acts += [Say(draw(_SPACES), "enter", [room], 3) for room in sorted(rooms)]
        opening += [Come(name, transport), Burst(name, acts)]
    passages = draw(_many(_passages(names, st.sampled_from(pool)), 2, 6))
    return opening + [step for passage in passages for step in passage]
