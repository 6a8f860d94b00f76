"""Socket.IO, revision 5: connect, disconnect and event."""

import json
from collections.abc import AsyncIterator

import pytest

from tests.conformance.app import EchoServer
from tests.conformance.frames import WebSocket
from tests.conformance.speakers import TRANSPORTS, by_polling, by_websocket, check_lives, enter
from tests.servers import until

EVERY_TRANSPORT = pytest.mark.parametrize("transport", TRANSPORTS)


@pytest.fixture
async def line(sockets: EchoServer) -> AsyncIterator[WebSocket]:
    """A WebSocket without any namespace."""
    async with by_websocket(sockets.url) as one:
        yield one


@pytest.fixture
async def alice(line: WebSocket) -> WebSocket:
    """On a WebSocket, in the main namespace."""
    await enter(line)
    return line


# --- connect ---

ENTRIES = {
    "the main namespace": ("40", "40", {}),
    "the main namespace by name": ("40/,", "40", {}),
    "the main namespace with a payload": ('40{"token":"123"}', "40", {"token": "123"}),
    "a namespace": ("40/custom,", "40/custom,", {}),
    "a namespace without a comma": ("40/custom", "40/custom,", {}),
    "a namespace with a payload": (
        '40/custom,{"token":["€",{"a":null}]}',
        "40/custom,",
        {"token": ["€", {"a": None}]},
    ),
}


@EVERY_TRANSPORT
@pytest.mark.parametrize(("sent", "prefix", "auth"), ENTRIES.values(), ids=ENTRIES)
async def test_a_client_enters(
    sent: str, prefix: str, auth: object, transport: str, sockets: EchoServer
) -> None:
    async with TRANSPORTS[transport](sockets.url) as speaker:
        await speaker.send(sent)

        answer, greeting = map(str, await speaker.read_many(2))
        assert answer.startswith(prefix + "{")
        given = json.loads(answer.removeprefix(prefix))
        assert given.keys() == {"sid"}
        assert isinstance(given["sid"], str)
        event = prefix.replace("40", "42")
        assert greeting.startswith(event + "[")
        assert json.loads(greeting.removeprefix(event)) == ["auth", auth]


async def test_ids_are_of_one_namespace_and_one_connection(sockets: EchoServer) -> None:
    async with by_polling(sockets.url) as alice, by_websocket(sockets.url) as bob:
        sids = {str(alice.session.opened["sid"])}
        sids |= {await enter(who, where) for who in (alice, bob) for where in ("", "/custom")}

    assert len(sids) == 5


async def test_a_namespace_needs_no_other(line: WebSocket) -> None:
    await enter(line, "/custom")

    await line.send('42/custom,["message","here"]')

    assert await line.read() == '42/custom,["message-back","here"]'


@pytest.mark.parametrize("namespace", ["/random", "/custom/", "/customs", "/Custom", "/*"])
async def test_an_unknown_namespace_is_refused(namespace: str, line: WebSocket) -> None:
    await line.send(f"40{namespace},")
    assert await line.read() == f'44{namespace},{{"message":"Invalid namespace"}}'

    await enter(line)
    await check_lives(line)


async def test_a_namespace_says_why_it_lets_nobody_in(line: WebSocket) -> None:
    await line.send("40/closed,", '40/closed,{"why":"curious"}')

    answers = [str(one).removeprefix("44/closed,") for one in await line.read_many(2)]
    assert list(map(json.loads, answers)) == [
        {"message": "members only"},
        {"message": "members only", "data": {"why": "curious"}},
    ]
    await enter(line)
    await check_lives(line)


NO_CONNECTS = {
    "no packet": "4abc",
    "nothing": "4",
    "an event": '42["message","before"]',
    "an event of a namespace": '42/custom,["message","before"]',
    "an ack": "431[]",
    "binary": b"\1\2",
    "text for a payload": '40"text"',
    "an array for a payload": "40[1]",
    "a payload that breaks off": '40{"a":',
}


@pytest.mark.parametrize("packet", NO_CONNECTS.values(), ids=NO_CONNECTS)
async def test_who_does_not_connect_first_is_closed(
    packet: str | bytes, line: WebSocket, sockets: EchoServer
) -> None:
    await line.send(packet)

    await line.ended()
    assert sockets.main.heard == []
    assert sockets.custom.heard == []


async def test_who_never_connects_and_answers_no_ping_is_closed(
    ticking_sockets: EchoServer,
) -> None:
    async with by_websocket(ticking_sockets.url) as line:
        await line.ended()


# --- disconnect ---


async def test_after_a_disconnect_only_pings_come(ticking_sockets: EchoServer) -> None:
    async with by_websocket(ticking_sockets.url) as line:
        await enter(line)

        await line.send("41")

        assert await line.read() == "2"
    assert ticking_sockets.main.heard == ["connect", "disconnect"]
    assert ticking_sockets.main.reasons == ["client disconnect"]


@pytest.mark.parametrize("packet", ["41/custom,", "41/custom"])
async def test_who_leaves_a_namespace_stays_in_the_other(
    packet: str, alice: WebSocket, sockets: EchoServer
) -> None:
    await enter(alice, "/custom")

    await alice.send(packet)

    await check_lives(alice)
    assert sockets.custom.heard == ["connect", "disconnect"]
    assert "disconnect" not in sockets.main.heard


async def test_who_has_left_may_come_again_as_somebody_else(alice: WebSocket) -> None:
    first = await enter(alice, "/custom")
    await alice.send("41/custom,")

    assert await enter(alice, "/custom") != first


async def test_events_of_a_namespace_that_was_left_reach_nobody(
    alice: WebSocket, sockets: EchoServer
) -> None:
    await enter(alice, "/custom")
    await alice.send("41/custom,", '42/custom,["message","too late"]')

    await until(lambda: sockets.custom.reasons)
    # Whether it closes the connection is the server's choice.
    await alice.send("1")
    await alice.ended()
    assert "message" not in sockets.custom.heard


@EVERY_TRANSPORT
async def test_a_client_that_is_thrown_out_hears_of_it(transport: str, sockets: EchoServer) -> None:
    async with TRANSPORTS[transport](sockets.url) as speaker:
        await enter(speaker)
        await enter(speaker, "/custom")

        await speaker.send('42/custom,["throw-me-out"]')

        assert await speaker.read() == "41/custom,"
        await check_lives(speaker)


ENDS = {
    "a close packet": "1",
    "a packet that is none": "4abc",
    "a WebSocket's own close": None,
}


@pytest.mark.parametrize("packet", ENDS.values(), ids=ENDS)
async def test_the_end_of_a_connection_is_one_disconnect_from_each_namespace(
    packet: str | None, alice: WebSocket, sockets: EchoServer
) -> None:
    await enter(alice, "/custom")

    await (alice.send(packet) if packet else alice.close())

    await alice.ended()
    await until(lambda: sockets.main.reasons and sockets.custom.reasons)
    for namespace in (sockets.main, sockets.custom):
        assert namespace.heard == ["connect", "disconnect"]
        assert namespace.reasons != ["client disconnect"]


async def test_a_connection_that_is_dropped_is_a_disconnect(
    alice: WebSocket, sockets: EchoServer
) -> None:
    alice.drop()

    await until(lambda: sockets.main.reasons)
    assert sockets.main.reasons[0] in ("transport close", "transport error")


async def test_a_silent_connection_is_a_disconnect(ticking_sockets: EchoServer) -> None:
    async with by_websocket(ticking_sockets.url) as line:
        await enter(line)
        await line.ended()

    await until(lambda: ticking_sockets.main.reasons)
    assert ticking_sockets.main.reasons == ["ping timeout"]


# --- event ---

ARGUMENTS = {
    "several": '1,"2",{"3":[true]}',
    "null": "null",
    "nothing much": '"",0,[],{},false',
    "text beyond ASCII": '"€ 😀","\\u0000\\u001e"',
    "what looks like an attachment": '{"_placeholder":true,"num":0}',
    "numbers": "-1.5,9007199254740991,1e+21",
    "quotes and brackets": '"\\"]\\\\[,","4/custom,1-"',
}


@EVERY_TRANSPORT
@pytest.mark.parametrize("arguments", ARGUMENTS.values(), ids=ARGUMENTS)
async def test_an_event_comes_back_with(
    arguments: str, transport: str, sockets: EchoServer
) -> None:
    async with TRANSPORTS[transport](sockets.url) as speaker:
        await enter(speaker)
        await speaker.send(f'42["message",{arguments}]')

        name, *heard = json.loads(str(await speaker.read()).removeprefix("42"))
        assert name == "message-back"
        assert heard == json.loads(f"[{arguments}]")


async def test_an_event_may_have_no_arguments(alice: WebSocket) -> None:
    await alice.send('42["message"]')

    assert await alice.read() == '42["message-back"]'


async def test_events_of_two_namespaces_do_not_mix(alice: WebSocket) -> None:
    await enter(alice, "/custom")

    await alice.send('42/custom,["message",1]', '42["message",2]', '42/custom,["message",3]')

    assert await alice.read_many(3) == [
        '42/custom,["message-back",1]',
        '42["message-back",2]',
        '42/custom,["message-back",3]',
    ]


@EVERY_TRANSPORT
async def test_events_are_handled_in_order(transport: str, sockets: EchoServer) -> None:
    async with TRANSPORTS[transport](sockets.url) as speaker:
        await enter(speaker)
        await speaker.send(*(f'42["message",{number}]' for number in range(100)))

        assert await speaker.read_many(100) == [
            f'42["message-back",{number}]' for number in range(100)
        ]


@pytest.mark.parametrize("name", ["connect", "disconnect", "connect_error"])
async def test_an_event_cannot_pass_for_one_of_the_connection(
    name: str, alice: WebSocket, sockets: EchoServer
) -> None:
    await alice.send(f'42["{name}"]', '42["message"]', "1")

    await alice.ended()
    await until(lambda: sockets.main.reasons)
    assert sockets.main.heard.count("connect") == 1
    assert sockets.main.heard.count("disconnect") == 1
    assert "connect_error" not in sockets.main.heard


BROKEN = {
    "an unknown type": "4abc",
    "a type too high": '47["message"]',
    "no type": "4",
    "no payload": "42",
    "an object for a payload": "42{}",
    "text for a payload": '42"message"',
    "an empty array": "42[]",
    "a name that is no text": "42[{}]",
    "JSON that breaks off": '42["message"',
    "something behind the JSON": '42["message"]x',
    "numbers that are not JSON": '42["message",NaN]',
    "an ack id that is no number": '42abc["message-with-ack"]',
    "an ack that is no array": "431{}",
    "binary that nobody announced": b"\1\2\3",
}


@pytest.mark.parametrize("packet", BROKEN.values(), ids=BROKEN)
async def test_a_broken_packet_closes_the_connection(packet: str | bytes, alice: WebSocket) -> None:
    await alice.send(packet)

    await alice.ended()
