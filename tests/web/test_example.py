"""docs/example.html, the chat in thirty lines, served by somebody else than the relay."""

from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from playwright.async_api import expect

pytestmark = pytest.mark.asyncio(loop_scope="session")

EXAMPLE = Path(__file__).parents[2] / "docs/example.html"


@asynccontextmanager
async def front_end():
    async def home(_):
        return web.Response(text=EXAMPLE.read_text(), content_type="text/html")

    app = web.Application()
    app.router.add_get("/", home)
    async with TestServer(app) as server:
        yield str(server.make_url("/")).rstrip("/")


async def opened(people, name, url, relay):
    somebody = await people(at=relay)
    somebody.expect("asked elsewhere", "404")  # its own server; which has no icon
    somebody.page.on("dialog", lambda dialog: dialog.accept(name))
    await somebody.page.goto(url)
    await expect(somebody.page).to_have_title("connected")
    return somebody.page


async def test_two_people_talk_by_the_example_of_the_docs(people, serve):
    async with front_end() as url:
        relay = await serve(CLIENT_URL=url)
        start = f"{url}/?relay={relay.url}"
        alice = await opened(people, "Alice", start, relay)
        invitation = await alice.get_by_role("link", name="Invite somebody").get_attribute("href")
        bob = await opened(people, "Bob", f"{start}{invitation}", relay)
        await expect(alice.get_by_text("2 here")).to_be_visible()

        await bob.get_by_label("Message").fill("hello from Bob")
        await bob.get_by_role("button", name="Send").click()

        await expect(alice.get_by_text("Bob: hello from Bob")).to_be_visible()
        await expect(bob.get_by_text("Bob: hello from Bob")).to_be_visible()


async def test_the_example_has_as_many_lines_as_the_docs_say():
    assert len(EXAMPLE.read_text().splitlines()) <= 30
