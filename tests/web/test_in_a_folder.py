"""The built-in client behind a proxy that has put the server into a folder."""

import asyncio
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from playwright.async_api import expect

from tests.servers import running
from tests.web.page.strangers import Stranger
from tests.web.page.talkers import Talker
from tests.web.visitors import Visitor

pytestmark = pytest.mark.asyncio(loop_scope="session")

FOLDER = "/chat/"
OWN = {"Connection", "Upgrade", "Transfer-Encoding", "Content-Length"}
"""Headers of one connection, which a proxy does not hand on."""


async def pass_on(receiver, sender):
    """Hand on the messages of a WebSocket until it ends."""
    async for message in receiver:
        await sender.send_str(message.data)
    await sender.close()


async def join_sockets(request, http, path):
    headers = {name: request.headers[name] for name in ("Host", "Origin")}
    near = web.WebSocketResponse()
    async with http.ws_connect(path, headers=headers) as far:
        await near.prepare(request)
        await asyncio.gather(pass_on(near, far), pass_on(far, near))
    return near


@asynccontextmanager
async def proxy_to(url):
    async def relay(request):
        path = request.path_qs.removeprefix(FOLDER.rstrip("/"))
        if "Sec-WebSocket-Key" in request.headers:
            return await join_sockets(request, http, path)
        headers = {name: one for name, one in request.headers.items() if name not in OWN}
        body = await request.read()
        async with http.request(request.method, path, headers=headers, data=body) as answer:
            told = {name: one for name, one in answer.headers.items() if name not in OWN}
            return web.Response(status=answer.status, headers=told, body=await answer.read())

    app = web.Application()
    app.router.add_route("*", FOLDER + "{path:.*}", relay)
    session = aiohttp.ClientSession(url, auto_decompress=False)
    async with session as http, TestServer(app) as proxy:
        yield str(proxy.make_url(FOLDER))


async def test_people_meet_by_a_link_into_the_folder(chromium):
    async with running() as server, proxy_to(server.url) as url:
        contexts = [await chromium.new_context(base_url=url) for _ in range(2)]
        visitors = [await Visitor(context, url).open() for context in contexts]
        ann, bob = (Talker(one, name) for one, name in zip(visitors, ("Ann", "Bob"), strict=True))
        link = await ann.start()
        assert link.startswith(f"{url}#")
        await bob.join(link)
        await bob.say("hello from a folder")
        await ann.hears("hello from a folder")
        await ann.page.reload()
        await ann.is_connected()
        await expect(ann.page.get_by_text("hello from a folder")).to_be_visible()

        assert [slip for one in visitors for slip in one.slips] == []
        assert ann.visitor.sockets  # all of it, and not only what falls back to polling
        for context in contexts:
            await context.close()


async def test_strangers_meet_in_the_folder_and_a_reload_leaves_there_too(chromium):
    async with running(RECONNECT_GRACE_S=30) as server, proxy_to(server.url) as url:
        contexts = [await chromium.new_context(base_url=url) for _ in range(2)]
        visitors = [await Visitor(context, url).open() for context in contexts]
        ann, bob = (Stranger(one, name) for one, name in zip(visitors, ("Ann", "Bob"), strict=True))
        await ann.enter()
        await bob.enter()
        await bob.say("hello from a folder")
        await ann.hears("hello from a folder")
        await ann.page.reload()
        await ann.is_told("You have left your group")
        await bob.is_told("\u2068Ann\u2069 left")

        assert [slip for one in visitors for slip in one.slips] == []
        for context in contexts:
            await context.close()
