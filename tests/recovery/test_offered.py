"""To whom recovery is offered: an argument more would break handlers of fixed arity elsewhere."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import socketio

from tests.clocks import ManualClock
from tests.recovery.conftest import Travel
from tests.recovery.places import Place, open_place
from tests.recovery.travellers import Traveller
from tests.servers import until

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"


@pytest.fixture
async def server(clock: ManualClock, settings: dict[str, Any]) -> AsyncIterator[Place]:
    """One process, with memory of its own."""
    async with open_place("memory", clock, **settings) as place:
        yield place


OFFERED = {
    "a browser": BROWSER,
    "Node's requests": "node-XMLHttpRequest",
    "Node": "node",
    "Deno": "Deno/2.1.4",
    "Bun": "Bun/1.1.38",
    "nobody in particular": None,
}

NOT_OFFERED = {
    "python-socketio": "Python/3.11 aiohttp/3.10.11",
    "python-socketio, blocking": "python-requests/2.32.3",
    "Java": "okhttp/4.12.0",
    "Dart": "Dart/3.5 (dart:io)",
    "Swift": "App/1 CFNetwork/1568 Darwin/24.0.0",
    "C++": "WebSocket++/0.8.2",
}


async def welcome(
    url: str, transport: str, agent: str | None, auth: Any = None, query: str = ""
) -> dict[str, str]:
    """What CONNECT's answer holds."""
    headers = {"User-Agent": agent} if agent else {}
    skipped = [] if agent else ["User-Agent"]
    target = f"{url}/socket.io/?EIO=4&transport={transport}{query}"
    hello = "40" + (json.dumps(auth) if auth else "")
    async with aiohttp.ClientSession(skip_auto_headers=skipped, headers=headers) as http:
        if transport == "websocket":
            async with http.ws_connect(target) as socket:
                await socket.receive_str()
                await socket.send_str(hello)
                answer = await socket.receive_str()
        else:
            sid = json.loads((await (await http.get(target)).text())[1:])["sid"]
            await http.post(f"{target}&sid={sid}", data=hello)
            answer = await (await http.get(f"{target}&sid={sid}")).text()
    held: dict[str, str] = json.loads(answer.removeprefix("40"))
    return held


@pytest.mark.parametrize("transport", ["websocket", "polling"])
@pytest.mark.parametrize("who", OFFERED)
async def test_it_is_offered_to_javascript(server: Place, transport: str, who: str) -> None:
    assert set(await welcome(server.url(), transport, OFFERED[who])) == {"sid", "pid"}


@pytest.mark.parametrize("transport", ["websocket", "polling"])
@pytest.mark.parametrize("who", NOT_OFFERED)
async def test_it_is_not_offered_to_others(server: Place, transport: str, who: str) -> None:
    assert set(await welcome(server.url(), transport, NOT_OFFERED[who])) == {"sid"}


async def test_it_is_not_offered_to_python_that_gives_no_name(server: Place) -> None:
    held = await welcome(server.url(), "websocket", None, query="&t=1732217672.6104")

    assert set(held) == {"sid"}


@pytest.mark.parametrize("agent", [BROWSER, "Python/3.11 aiohttp/3.10.11"])
@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_who_says_so_decides_for_itself(server: Place, agent: str, transport: str) -> None:
    wants = await welcome(server.url(), transport, agent, {"recover": True})
    declines = await welcome(server.url(), transport, agent, {"recover": False})

    assert (set(wants), set(declines)) == ({"sid", "pid"}, {"sid"})


@pytest.mark.parametrize("wish", ["true", 1, None, {}])
async def test_only_true_and_false_say_so(server: Place, wish: Any) -> None:
    assert set(await welcome(server.url(), "websocket", BROWSER, {"recover": wish})) == {
        "sid",
        "pid",
    }
    assert set(await welcome(server.url(), "websocket", "curl/8", {"recover": wish})) == {"sid"}


@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_handlers_of_one_argument_of_python_socketio_go_on_working(
    server: Place, alice: Traveller, transport: str
) -> None:
    heard: list[Any] = []

    class Handlers(socketio.AsyncClientNamespace):
        async def on_new_message(self, message: Any) -> None:
            heard.append(message)

        async def trigger_event(self, event: str, *arguments: Any) -> Any:
            return await super().trigger_event(event.replace("-", "_"), *arguments)

    client = socketio.AsyncClient(reconnection=False)
    client.register_namespace(Handlers("/"))
    await client.connect(server.url(), transports=[transport])
    await client.call("join-session", {"sessionId": "lair", "userId": "py"})
    await alice.say("lair", "hello")
    await alice.say("lair", {"raw": [1, 2]})

    await until(lambda: len(heard) == 2)
    assert [message["encrypted"] for message in heard] == ["hello", {"raw": [1, 2]}]
    await client.disconnect()


async def test_the_argument_would_break_them(
    server: Place, alice: Traveller, caplog: pytest.LogCaptureFixture
) -> None:
    """What the rule by User-Agent is for."""
    client = socketio.AsyncClient(reconnection=False)
    client.on("new-message", lambda message: None)
    failed: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failed.append(context))
    await client.connect(server.url(), transports=["websocket"], auth={"recover": True})
    await client.call("join-session", {"sessionId": "lair", "userId": "py"})
    await alice.say("lair", "hello")

    await until(lambda: failed or "positional argument" in caplog.text, 5)
    await client.disconnect()


async def test_in_one_room_who_can_be_restored_and_who_cannot_hear_the_same(
    travel: Travel, alice: Traveller, carol: Traveller
) -> None:
    plain = await travel(recover=False)
    await plain.join("lair", "plain")

    for words in ("text", {"raw": [1, 2]}):
        await alice.say("lair", words)
    await carol.hears("text", {"raw": [1, 2]})
    await plain.hears("text", {"raw": [1, 2]})
    assert carol.line.events("new-message") == plain.line.events("new-message")
    assert plain.pid is None
    assert plain.line.offset is None
