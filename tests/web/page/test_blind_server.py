"""A server as a process, and people on its page: of what they say it holds and tells nothing.

The memory of a process is read through /proc, which asks for Linux, and for leave to look into
a child; where that is not given the test fails, since it has then shown nothing.
"""

import asyncio
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import expect

from scripts.demo_parts.canary import Needles, new_canary
from scripts.demo_parts.memory import memory_pieces
from scripts.demo_parts.protocol.link import Link, read_link
from tests.people import Person
from tests.servers import ADMIN_TOKEN
from tests.system.processes import ServerProcess, server_process
from tests.web.page.talkers import windows
from tests.web.visitors import visits

pytestmark = pytest.mark.asyncio(loop_scope="session")

CANARY = new_canary("[canary]")
CARELESS = new_canary("[said in the clear]")

FILE_BYTES = 300_000  # Three chunks.
OPERATORS_PATHS = ("/health", "/ready", "/metrics", "/sessions?limit=1000")


@pytest.fixture
def relay(tmp_path):
    """Says as much as it can: logs everything, and answers operators."""
    with server_process(tmp_path, DEBUG="true", ADMIN_TOKEN=ADMIN_TOKEN) as process:
        yield process


@pytest_asyncio.fixture(loop_scope="session")
async def people(chromium, relay):
    async with visits(chromium, relay) as invite:
        yield invite


@dataclass(frozen=True)
class Talk:
    """What has left the pages of those who talked, and the link under which they did."""

    sent: list[bytes]
    link: Link


@pytest.fixture
def talk(meet):
    """Ann and Bob tell each other the canary in every way that the page has."""

    async def tell():
        ann, bob = await meet(f"Ann {CANARY.text}", "Bob", shares=True)
        await ann.say(f"message {CANARY.text}")
        await bob.hears(CANARY.text)
        await ann.attach(
            {
                "name": f"file {CANARY.text}.txt",
                "mimeType": "text/plain",
                "buffer": CANARY.text.encode() * (FILE_BYTES // len(CANARY.text.encode())),
            }
        )
        await bob.button("^Fetch").click()
        await expect(bob.button("^Save")).to_be_visible()
        await rename(bob, f"Bob {CANARY.text}")
        await ann.sees_people(f"Bob {CANARY.text}")
        await bob.page.reload()
        await bob.hears(f"message {CANARY.text}")
        await bob.field.press_sequentially(f"draft {CANARY.text}")
        await expect(ann.page.locator(".typing")).to_contain_text("is typing")
        sent = [*ann.visitor.all_sent(), *bob.visitor.all_sent()]
        return Talk(sent, read_link(ann.page.url))

    return tell


async def rename(talker, name):
    dialog = await talker.open("Session and settings")
    await dialog.get_by_label("Your name").fill(name)
    await dialog.get_by_role("button", name="Save").click()
    await expect(dialog.get_by_text("Saved")).to_be_visible()
    await talker.close()


async def say_in_the_clear(relay):
    """A client that encrypts nothing, on the same relay."""
    eve = await Person(relay).connect()
    assert (await eve.join("careless", "eve", isCreator=True))["success"]
    said = {"sessionId": "careless", "encrypted": CARELESS.text}
    assert (await eve.ask("send-message", said))["success"]
    return eve


async def operators_pages(relay: ServerProcess) -> dict[str, bytes]:
    token = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
    pages = {}
    async with aiohttp.ClientSession(relay.url, headers=token) as http:
        for path in OPERATORS_PATHS:
            async with http.get(path) as answer:
                assert answer.status == 200, path
                pages[path] = await answer.read()
    return pages


def forms_in_memory(relay: ServerProcess, *sought: Needles) -> list[set[str]]:
    """In which forms each of what is sought is in the memory of the process."""
    pid = relay.process.pid
    found: list[set[str]] = [set() for _ in sought]
    try:
        for piece in memory_pieces(pid, max(one.longest_bytes for one in sought)):
            for forms, needles in zip(found, sought, strict=True):
                forms.update(needles.found_in(piece))
    except OSError as error:
        pytest.fail(f"the memory of process {pid} cannot be read, so nothing is shown: {error}")
    return found


def stored(folder: Path) -> bytes:
    return b"\n".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


async def test_what_is_said_leaves_no_page_and_reaches_no_server_in_the_clear(
    talk, relay, tmp_path
):
    talked = await talk()
    eve = await say_in_the_clear(relay)
    pages = await operators_pages(relay)
    in_memory, careless = await asyncio.to_thread(
        forms_in_memory, relay, Needles([CANARY], [talked.link.secret]), Needles([CARELESS])
    )
    await eve.leave()

    # What is searched is the right thing, and the search finds what is there.
    assert "plain" in careless
    assert sum(map(len, talked.sent)) > FILE_BYTES
    assert talked.link.relay_session_id.encode() in pages["/sessions?limit=1000"]
    assert b"hushwire_" in pages["/metrics"]
    assert len(relay.log_lines) > 20

    hidden = Needles([CANARY], windows(talked.link.secret))
    places = {**pages, "log": relay.log.encode(), "data": stored(tmp_path / "data")}
    assert [one for one in talked.sent if hidden.found_in(one)] == []
    assert [name for name, body in places.items() if hidden.found_in(body)] == []
    assert in_memory == set()


async def test_what_leaves_a_page_in_the_clear_would_be_found(people):
    ann = await people()
    ann.expect("405")
    await ann.page.goto("/")

    await ann.page.evaluate(
        """async (words) => {
            await fetch("/health", { method: "POST", body: words });
            const socket = new WebSocket("/socket.io/?EIO=4&transport=websocket");
            await new Promise((resolve) => { socket.onmessage = resolve; });
            socket.send(words);
            socket.send(new TextEncoder().encode(words));
            await new Promise((resolve) => { socket.onclose = resolve; });
        }""",
        CANARY.text,
    )

    hidden = Needles([CANARY])
    assert len([one for one in ann.all_sent() if hidden.found_in(one)]) == 3
