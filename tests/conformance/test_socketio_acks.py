"""Socket.IO, revision 5: ack."""

from collections.abc import AsyncIterator

import pytest

from tests.conformance.app import EchoServer
from tests.conformance.frames import WebSocket
from tests.conformance.speakers import TRANSPORTS, by_websocket, check_lives, enter


@pytest.fixture
async def alice(sockets: EchoServer) -> AsyncIterator[WebSocket]:
    """On a WebSocket, in the main namespace."""
    async with by_websocket(sockets.url) as line:
        await enter(line)
        yield line


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("number", [0, 1, 456, 9_007_199_254_740_991])
async def test_an_event_is_acknowledged_by_its_number(
    number: int, transport: str, sockets: EchoServer
) -> None:
    async with TRANSPORTS[transport](sockets.url) as speaker:
        await enter(speaker)
        await speaker.send(f'42{number}["message-with-ack",1,"2",{{"3":[false]}}]')

        assert await speaker.read() == f'43{number}[1,"2",{{"3":[false]}}]'


async def test_an_acknowledgement_may_be_empty(alice: WebSocket) -> None:
    await alice.send('427["message-with-ack"]')

    assert await alice.read() == "437[]"


async def test_an_acknowledgement_is_of_its_namespace(alice: WebSocket) -> None:
    await enter(alice, "/custom")

    await alice.send('42/custom,7["message-with-ack",1]', '427["message-with-ack",2]')

    assert await alice.read_many(2) == ["43/custom,7[1]", "437[2]"]


async def test_who_asks_for_no_acknowledgement_gets_none(alice: WebSocket) -> None:
    await alice.send('42["message-with-ack",1]')

    await check_lives(alice)


@pytest.mark.parametrize("namespace", ["", "/custom,"])
async def test_the_server_hears_an_acknowledgement_once(namespace: str, alice: WebSocket) -> None:
    await enter(alice, "/custom")
    await alice.send(f'42{namespace}["ask-me","how are you?"]')
    question = str(await alice.read())
    assert question.startswith(f"42{namespace}")
    number = question.removeprefix(f"42{namespace}").partition("[")[0]
    assert question.endswith(f'{number}["question","how are you?"]')

    await alice.send(f'43{namespace}{number}["well",1]', f'43{namespace}{number}["again"]')

    assert await alice.read() == f'42{namespace}["answered","well",1]'
    await check_lives(alice)


async def test_acknowledgements_that_nobody_waits_for_are_ignored(alice: WebSocket) -> None:
    await alice.send("43999[]", '4312["x"]')

    await check_lives(alice)


async def test_an_acknowledgement_of_number_0_leaves_the_next_ones_alone(alice: WebSocket) -> None:
    for _ in range(2):
        await alice.send('42["ask-me","how are you?"]')
        number = str(await alice.read()).removeprefix("42").partition("[")[0]
        await alice.send("430[]")
    await alice.send(f'43{number}["well"]')

    assert await alice.read() == '42["answered","well"]'
