"""The namespace `/chat` beside the main one: the same to its clients, and apart from it."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from server.core.ids import ConnectionId
from server.core.limits import Bounds
from server.core.signins import SignIns
from server.transports.api import CHAT, MAIN
from server.transports.asyncapi import document
from server.transports.socketio.chat_namespace import ChatNamespace
from tests.apis.identity.watching import Doorman
from tests.apis.session_relay.official import CLIENTS, Client, play_at
from tests.clocks import ManualClock
from tests.issuers import by_secret
from tests.servers import RunningServer, namespaces_of, running, until
from tests.transports.chapel import WITH_CHAPEL
from tests.transports.test_asyncapi import problems
from tests.transports.wire import Line, PollingLine, WebSocketLine

SECRET = "secret that another system has, too"
PREFIXES = {MAIN: "", CHAT: "/chat,"}

Enter = Callable[..., Awaitable[Line]]


def token_of(user: str = "alice", **claims: Any) -> str:
    return by_secret({"sub": user, **claims}, SECRET.encode())


@pytest.fixture
async def server(clock: ManualClock) -> AsyncIterator[RunningServer]:
    async with running(clock, None, WITH_CHAPEL, JWT_SECRET=SECRET) as one:
        yield one


@pytest.fixture(params=[WebSocketLine, PollingLine], ids=["websocket", "polling"])
async def enter(request: pytest.FixtureRequest, server: RunningServer) -> AsyncIterator[Enter]:
    """Opens a line, and on it a namespace: `line = await enter({"token": token})`."""
    lines: list[Line] = []

    async def open_line(auth: dict[str, Any] | None = None, namespace: str = CHAT) -> Line:
        line: Line = request.param(server.url)
        lines.append(line)
        line.prefix = PREFIXES[namespace]
        return await line.open(auth)

    yield open_line
    for line in lines:
        await line.leave()


def answers(line: Line) -> list[str | bytes]:
    """All but how it began, and without what no two connections share."""
    return [one for one in line.heard if not str(one).startswith(("0{", "40"))]


HERE = "@"
"""Where in a packet its namespace is."""

SAID: dict[str, tuple[str | bytes, ...]] = {
    "an event": ('2@["whisper",{"words":1}]',),
    "an event to be answered": ('2@7["whisper",{"words":"tea"}]',),
    "an answer of a large number": ('2@999999999999999["whisper",{"words":1}]',),
    "an answer of a larger number": ('2@9999999999999999["whisper",{"words":1}]',),
    "an event with binary": ('51-@8["whisper",{"words":{"_placeholder":true,"num":0}}]', b"\0\1"),
    "an event whose answer has binary": ('2@7["look",{}]',),
    "nothing but a name": ('2@7["whisper"]',),
    "another payload": ('2@7["whisper",[]]',),
    "two payloads": ('2@7["whisper",{"words":1},{"words":2}]',),
    "what only users may say": ('2@7["confess",{"words":1}]',),
    "what another says by that name": ('2@7["typing_start",{"songId":"s"}]',),
}


@pytest.mark.parametrize("said", SAID.values(), ids=SAID)
async def test_what_is_said_is_answered_as_in_the_main_namespace(
    said: tuple[str | bytes, ...], enter: Enter
) -> None:
    heard = {}
    for namespace, prefix in PREFIXES.items():
        line = await enter(namespace=namespace)
        await line.send(
            *(f"4{one.replace(HERE, prefix)}" if isinstance(one, str) else one for one in said)
        )
        assert await line.ask("whisper", {"words": "last"})
        heard[namespace] = [
            one.replace(prefix, "", 1) if isinstance(one, str) else one for one in answers(line)
        ]

    assert heard[CHAT] == heard[MAIN]
    assert len(heard[CHAT]) > 2


MALFORMED = (
    '42/chat,["whisper"',
    "42/chat,[]",
    "42/chat,[7]",
    "42/chat,{}",
    "42/chat,",
    '452-/chat,["whisper",{"_placeholder":true,"num":0}]',
)


@pytest.mark.parametrize("packet", MALFORMED)
async def test_a_malformed_packet_ends_the_line(packet: str, enter: Enter) -> None:
    line = await enter()

    await line.send(packet, "no attachment")

    assert await line.ended() in (1000, 1002)


async def test_nothing_is_heard_before_the_namespace_is_open(server: RunningServer) -> None:
    async with WebSocketLine(server.url) as line:
        await line.open()
        await line.send('42/chat,1["whisper",{"words":1}]', '42/nowhere,1["whisper",{"words":1}]')
        assert await line.ask("whisper", {"words": "last"})

        assert not any("/chat" in str(one) for one in line.heard)


async def test_events_of_live_rooms_are_none_here(enter: Enter) -> None:
    line = await enter({"token": token_of()})

    for event in ("join-session", "join_random_group", "nothing"):
        assert (await line.ask(event, {}))["error"] == "unknown_event"


async def test_a_connection_is_not_restored_and_is_told_so(enter: Enter) -> None:
    line = await enter({"recover": True})

    assert line.welcome.keys() == {"sid"}


# --- who somebody is ---


def _books(server: RunningServer) -> tuple[SignIns, SignIns]:
    return server.chat.sign_ins, server.chat.chat_sign_ins


async def test_a_good_token_makes_the_connection_its_users(enter: Enter) -> None:
    line = await enter({"token": token_of("bob")})

    assert (await line.ask("confess", {"words": 1}))["success"] is True
    assert line.events("whispered") == [{"by": "bob", "words": 1}]


@pytest.mark.parametrize("auth", [None, {}, {"token": None}])
async def test_without_a_token_it_is_nobodys(auth: dict[str, Any] | None, enter: Enter) -> None:
    line = await enter(auth)

    assert (await line.ask("confess", {"words": 1}))["error"] == "unauthenticated"


async def test_a_token_that_is_not_good_is_refused_in_the_namespace(
    server: RunningServer,
) -> None:
    async with WebSocketLine(server.url) as line:
        await line.shake_hands()
        await line.send('40/chat,{"token":"forged"}')
        await line.until(lambda: any(str(one).startswith("44") for one in line.heard))

        told = next(str(one) for one in line.heard if str(one).startswith("44"))
        assert told.startswith("44/chat,")
        assert json.loads(told[8:])["data"] == {"code": "unauthenticated"}


async def test_whoever_signs_in_here_is_nobody_in_the_main_namespace(
    enter: Enter, server: RunningServer
) -> None:
    line = await enter({"token": token_of("alice")})
    await line.send("40", '421["confess",{"words":1}]')
    await line.until(lambda: any(str(one).startswith("431[") for one in line.heard))

    answer = next(str(one) for one in line.heard if str(one).startswith("431["))
    assert json.loads(answer[3:])[0]["error"] == "unauthenticated"
    assert [len(book._held) for book in _books(server)] == [0, 1]


async def test_an_expired_token_connects_is_told_and_renewed_for_its_own_user(
    enter: Enter, clock: ManualClock
) -> None:
    now_s = clock.now_ms() // 1000
    line = await enter({"token": token_of(exp=now_s - 60)})
    await line.until(lambda: line.events("auth-expired"))
    assert (await line.ask("confess", {"words": 1}))["error"] == "token_expired"

    assert (await line.ask("auth-refresh", {"token": token_of()}))["success"] is True
    assert (await line.ask("confess", {"words": 1}))["success"] is True
    assert (await line.ask("auth-refresh", {"token": token_of("bob")}))["error"] == "forbidden"


async def test_a_token_that_runs_out_is_told_and_lapses_in_time(
    enter: Enter, server: RunningServer, clock: ManualClock
) -> None:
    doorman = Doorman()
    server.chat.chat_sign_ins.watch(doorman)
    line = await enter({"token": token_of(exp=clock.now_ms() // 1000 + 60)})
    assert (await line.ask("confess", {"words": 1}))["success"] is True

    clock.advance(seconds=61)
    await server.expire()
    await line.until(lambda: line.events("auth-expired"))
    assert (await line.ask("confess", {"words": 1}))["error"] == "token_expired"
    clock.advance(seconds=61)
    await server.expire()
    assert doorman.seen == [("arrived", "alice"), ("lapsed", "alice")]


async def test_a_sign_in_that_ends_closes_the_line(server: RunningServer) -> None:
    async with WebSocketLine(server.url) as line:
        line.prefix = PREFIXES[CHAT]
        await line.open({"token": token_of()})
        await until(lambda: _books(server)[1]._held)

        server.chat.chat_sign_ins.end(ConnectionId(line.welcome["sid"]), "it is over")

        assert await line.ended() == 4401


async def test_whom_the_watchers_cannot_note_has_to_come_back(server: RunningServer) -> None:
    doorman = Doorman()
    doorman.is_busy = True
    server.chat.chat_sign_ins.watch(doorman)
    async with WebSocketLine(server.url) as line:
        line.prefix = PREFIXES[CHAT]
        await line.open({"token": token_of()})

        assert await line.ended() == 1012
    await until(lambda: not _books(server)[1]._held)


# --- both on one line ---


async def test_who_leaves_one_namespace_stays_in_the_other(
    enter: Enter, server: RunningServer
) -> None:
    doorman = Doorman()
    server.chat.chat_sign_ins.watch(doorman)
    line = await enter({"token": token_of()})
    await line.send("40")
    await line.until(lambda: any(str(one).startswith("40{") for one in line.heard))

    await line.send("41")
    assert (await line.ask("whisper", {"words": 1}))["success"] is True
    assert server.connections == 0
    await line.send("40", "41/chat,", '421["whisper",{"words":2}]')
    await line.until(lambda: any(str(one).startswith("431[") for one in line.heard))
    await until(lambda: doorman.seen == [("arrived", "alice"), ("left", "alice")])
    assert server.connections == 1


async def test_whoever_drops_is_forgotten_in_both(enter: Enter, server: RunningServer) -> None:
    doorman = Doorman()
    server.chat.chat_sign_ins.watch(doorman)
    line = await enter({"token": token_of()})
    await line.send("40")
    assert (await line.ask("whisper", {"words": 1}))["success"] is True

    for one in server.lines:
        one.lost(1006)

    await until(lambda: doorman.seen == [("arrived", "alice"), ("lost", "alice")])
    await until(lambda: server.connections == 0)
    chat = namespaces_of(server.app)[1]
    assert isinstance(chat, ChatNamespace)
    assert [len(book) for book in (chat._people._lines, chat._callers, chat._arriving)] == [0] * 3


async def test_one_rate_is_for_all_namespaces_of_a_line(clock: ManualClock) -> None:
    settings = {"JWT_SECRET": SECRET, "CONNECTION_EVENTS_PER_MINUTE": 60}
    async with (
        running(clock, None, WITH_CHAPEL, **settings) as server,
        WebSocketLine(server.url) as line,
    ):
        line.prefix = PREFIXES[CHAT]
        await line.open()
        answers = [await line.ask("whisper", {"words": 1}) for _ in range(100)]
        assert answers[0]["success"] is True
        assert answers[-1]["error"] == "rate_limited"

        await line.send("40")
        await line.until(lambda: any(str(one).startswith("44") for one in line.heard))


# --- one name, two events ---


async def test_a_name_that_two_claim_is_whose_its_payload_says(enter: Enter) -> None:
    line = await enter({"token": token_of()}, MAIN)

    assert (await line.ask("typing_start", {"songId": "s"}))["success"] is True
    payloads: tuple[Any, ...] = ({"groupId": "g"}, {}, None, [])
    for payload in payloads:
        refusal = await line.ask("typing_start", payload)
        assert refusal["error"] == (
            "not_found" if payload == {"groupId": "g"} else "invalid_request"
        )
        assert "songId" not in refusal["message"]


async def test_who_alone_claims_a_name_says_what_is_missing(enter: Enter) -> None:
    line = await enter({"token": token_of()})

    refusal = await line.ask("typing_stop", {})
    assert refusal["error"] == "invalid_request"
    assert "conversationId" in refusal["message"]


async def test_a_name_that_two_claim_and_nothing_tells_apart_is_found_at_the_start() -> None:
    with pytest.raises(ValueError, match="whisper is claimed by chapel and chapel"):
        async with running(None, None, (*WITH_CHAPEL, WITH_CHAPEL[-1])):
            pass


def test_each_namespace_has_a_channel_and_each_event_its_own_operation() -> None:
    made = document(WITH_CHAPEL, Bounds())

    assert problems(made) == []
    assert made["channels"]["socketio-chat"]["address"] == CHAT
    operations = made["operations"]
    assert {"socketio.asked.whisper", "socketio-chat.asked.whisper"} <= operations.keys()
    typing = operations["socketio.asked.typing_start.conversationId"]
    assert typing["description"] == "Of payloads with `conversationId`."
    assert operations["socketio.asked.typing_start"]["tags"] == [{"name": "random groups"}]
    assert "socketio-chat.asked.join-session" not in operations
    assert "socketio-chat.asked.auth-refresh" in operations


# --- official clients ---


@pytest.mark.parametrize("client", CLIENTS, ids=str)
async def test_an_official_client_talks_in_both_namespaces_on_one_line(
    client: Client, server: RunningServer
) -> None:
    tokens = {"TOKEN": token_of(), "FORGED": by_secret({"sub": "a"}, b"x" * 32)}
    scene = (await play_at(server.url, client, "namespaces", **tokens))["namespaces"]

    assert scene.ack("alice", "confess")["success"] is True
    assert scene.one("alice", "whispered") == {"by": "alice", "words": "tea"}
    assert scene.ack("nobody", "confess")["error"] == "unauthenticated"
    assert scene.one("nobody", "whispered") == {"by": None, "words": {"base64": "AAE="}}
    assert scene.ack("nobody", "whisper")["words"] == {"base64": "AAE="}
    assert scene.one("forged", "connect_error")["data"] == {"code": "unauthenticated"}
    assert "connect" not in scene.names("forged")
    assert scene.one("alice", "lines") == 1
