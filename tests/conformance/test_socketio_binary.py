"""Socket.IO, revision 5: binary, as attachments of events and acknowledgements."""

import json

import pytest

from tests.conformance.app import EchoServer
from tests.conformance.speakers import TRANSPORTS, by_polling, by_websocket, enter

EVERY_TRANSPORT = pytest.mark.parametrize("transport", TRANSPORTS)

FIRST, SECOND = '{"_placeholder":true,"num":0}', '{"_placeholder":true,"num":1}'

EXCHANGES = {
    "an event": (
        f'452-["message",{FIRST},{SECOND}]',
        f'452-["message-back",{FIRST},{SECOND}]',
    ),
    "an event of a namespace": (
        f'452-/custom,["message",{FIRST},{SECOND}]',
        f'452-/custom,["message-back",{FIRST},{SECOND}]',
    ),
    "an event with a number": (
        f'452-789["message-with-ack",{FIRST},{SECOND}]',
        f"462-789[{FIRST},{SECOND}]",
    ),
    "an event of a namespace with a number": (
        f'452-/custom,0["message-with-ack",{FIRST},{SECOND}]',
        f"462-/custom,0[{FIRST},{SECOND}]",
    ),
    "attachments deep inside": (
        f'452-["message",{{"a":[{FIRST},{{"b":{SECOND}}}],"c":1}}]',
        f'452-["message-back",{{"a":[{FIRST},{{"b":{SECOND}}}],"c":1}}]',
    ),
}

ATTACHMENTS = {
    "short": (b"\1\2\3", b"\4\5\6"),
    "empty": (b"", b""),
    "not text": (b"\xff\xfe\0", bytes(range(256))),
    "like packets": (b"42[]", b"1"),
    "long": (bytes(70_000), b"x" * 70_000),
}


@EVERY_TRANSPORT
@pytest.mark.parametrize(("sent", "wanted"), EXCHANGES.values(), ids=EXCHANGES)
async def test_attachments_come_back_with(
    sent: str, wanted: str, transport: str, sockets: EchoServer
) -> None:
    async with TRANSPORTS[transport](sockets.url) as speaker:
        await enter(speaker)
        await enter(speaker, "/custom")
        await speaker.send(sent, b"\1\2\3", b"\4\5\6")

        assert await speaker.read_many(3) == [wanted, b"\1\2\3", b"\4\5\6"]


@EVERY_TRANSPORT
@pytest.mark.parametrize("attachments", ATTACHMENTS.values(), ids=ATTACHMENTS)
async def test_attachments_are_not_looked_into(
    attachments: tuple[bytes, bytes], transport: str, sockets: EchoServer
) -> None:
    sent, wanted = EXCHANGES["an event"]
    async with TRANSPORTS[transport](sockets.url) as speaker:
        await enter(speaker)
        await speaker.send(sent, *attachments)

        assert await speaker.read_many(3) == [wanted, *attachments]


async def test_attachments_go_where_their_numbers_say(sockets: EchoServer) -> None:
    async with by_websocket(sockets.url) as line:
        await enter(line)
        await line.send(f'452-["message",{SECOND},{FIRST}]', b"zero", b"one")

        header = str(await line.read())
        attached = await line.read_many(2)
        _, *places = json.loads(header.removeprefix("452-"))
        assert [attached[place["num"]] for place in places] == [b"one", b"zero"]


async def test_attachments_may_come_in_posts_of_their_own(sockets: EchoServer) -> None:
    sent, wanted = EXCHANGES["an event"]
    async with by_polling(sockets.url) as poller:
        await enter(poller)
        for packet in (sent, b"\1", b"\2"):
            await poller.send(packet)

        assert await poller.read_many(3) == [wanted, b"\1", b"\2"]


async def test_a_pong_may_come_between_attachments(sockets: EchoServer) -> None:
    sent, wanted = EXCHANGES["an event"]
    async with by_websocket(sockets.url) as line:
        await enter(line)
        await line.send(sent, "3", b"\1", "3", b"\2")

        assert await line.read_many(3) == [wanted, b"\1", b"\2"]


async def test_the_attachments_of_two_clients_do_not_mix(sockets: EchoServer) -> None:
    sent, wanted = EXCHANGES["an event"]
    async with by_websocket(sockets.url) as alice, by_websocket(sockets.url) as bob:
        await enter(alice)
        await enter(bob)
        for packet in (sent, "A", "a"):
            await alice.send(packet if packet == sent else packet.encode())
            await bob.send(packet if packet == sent else packet.lower().encode() * 2)

        assert await alice.read_many(3) == [wanted, b"A", b"a"]
        assert await bob.read_many(3) == [wanted, b"aa", b"aa"]


async def test_an_event_without_binary_is_sent_without_attachments(sockets: EchoServer) -> None:
    async with by_websocket(sockets.url) as line:
        await enter(line)
        await line.send(f'42["message",{FIRST}]')

        assert await line.read() == f'42["message-back",{FIRST}]'


async def test_the_server_hears_a_binary_acknowledgement(sockets: EchoServer) -> None:
    async with by_websocket(sockets.url) as line:
        await enter(line)
        await line.send('42["ask-me"]')
        number = str(await line.read()).removeprefix("42").partition("[")[0]

        await line.send(f'461-{number}["here",{FIRST}]', b"\1\2\3")

        assert await line.read_many(2) == [f'451-["answered","here",{FIRST}]', b"\1\2\3"]


BROKEN = {
    "text instead of an attachment": (f'451-["message",{FIRST}]', '42["message"]'),
    "one attachment more": (f'451-["message",{FIRST}]', b"\1", b"\2"),
    "no dash": (f'451["message",{FIRST}]', b"\1"),
    "a number of attachments that is none": (f'45x-["message",{FIRST}]', b"\1"),
    "no number of attachments": (f'45-["message",{FIRST}]', b"\1"),
    "a negative number of attachments": (f'45-1-["message",{FIRST}]', b"\1"),
    "a place for an attachment that does not come": (f'451-["message",{SECOND}]', b"\1"),
    "a place that is no number": ('451-["message",{"_placeholder":true,"num":"0"}]', b"\1"),
    "a negative place": ('451-["message",{"_placeholder":true,"num":-1}]', b"\1"),
    "more attachments than anybody keeps": (f'459999999999-["message",{FIRST}]', b"\1"),
    "a payload that is no array": ('451-{"_placeholder":true,"num":0}', b"\1"),
    "an acknowledgement that is no array": ('461-1{"_placeholder":true,"num":0}', b"\1"),
}


@pytest.mark.parametrize("packets", BROKEN.values(), ids=BROKEN)
async def test_a_broken_packet_with_attachments_closes_the_connection(
    packets: tuple[str | bytes, ...], sockets: EchoServer
) -> None:
    async with by_websocket(sockets.url) as line:
        await enter(line)
        await line.send(*packets)

        await line.ended()
    assert sockets.main.heard.count("message") <= (packets == BROKEN["one attachment more"])
