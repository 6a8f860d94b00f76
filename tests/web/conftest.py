"""A client of our own to serve, and people who open pages in a real browser.

The browser lives as long as the session, so tests that use it run on the loop of the session:
`pytestmark = pytest.mark.asyncio(loop_scope="session")`.
"""

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright

from tests.servers import RunningServer, running
from tests.web.visitors import Visitor, launch

AXE = Path(__file__).parents[1] / "js/node_modules/axe-core/axe.min.js"

Invite = Callable[..., Awaitable[Visitor]]
Serve = Callable[..., Awaitable[RunningServer]]

WEB = Path(__file__).parents[2] / "server/web"

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>waiting</title>
<link rel="icon" href="client/icon.svg" type="image/svg+xml">
<!-- modules -->
<link rel="stylesheet" href="client/page.css">
<script type="module" src="client/main.js"></script>
</head>
<body><main><h1>A page</h1></main></body>
</html>
"""

MODULES = {
    "main.js": """
import { three } from "./parts/two.js";

document.title = `ran ${three}`;
window.later = () => import("./later.js");
""",
    "parts/two.js": 'export { three } from "../three.js";\n',
    "three.js": "export const three = 3;\n",
    "later.js": 'import { three } from "./three.js";\n\ndocument.title = `later ${three}`;\n',
}


@pytest.fixture
def client_folder(tmp_path):
    """A small client with a style sheet, three modules, and one that is imported later."""
    folder = tmp_path / "web"
    shutil.copytree(WEB / "vendor", folder / "vendor")
    shutil.copy2(WEB / "icon.svg", folder)
    (folder / "page.css").write_text("h1 { color: rgb(1, 2, 3); }\n" * 9)
    (folder / "index.html").write_text(PAGE)
    (folder / "parts").mkdir()
    for name, code in MODULES.items():
        (folder / name).write_text(code)
    return folder


# --- people in a browser ---


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await launch(playwright)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="session")
async def relay() -> AsyncIterator[RunningServer]:
    """A fresh server with the built-in client, which listens on a free port."""
    async with running(RECONNECT_GRACE_S=0) as one:
        yield one


@pytest_asyncio.fixture(loop_scope="session")
async def serve() -> AsyncIterator[Serve]:
    """Starts other servers, which outlive the browsers: `server = await serve(None, client)`.

    A page whose server has gone may still ask it for something, and would be found in error.
    """
    async with AsyncExitStack() as stack:

        async def start(*given: Any, **settings: object) -> RunningServer:
            return await stack.enter_async_context(running(*given, **settings))

        yield start


@pytest_asyncio.fixture(loop_scope="session")
async def people(chromium: Browser, relay: RunningServer, serve: Serve) -> AsyncIterator[Invite]:
    """Brings people with a browser each: `alice = await people()`.

    They open pages of `relay`, or of the server that is given as `at`; other options are
    those of Playwright's `new_context`. In the end the test fails if somebody met an error, a
    violation of the policy or a request to elsewhere that the test does not `expect`.
    """
    visitors: list[Visitor] = []

    async def invite(at: RunningServer = relay, **options: Any) -> Visitor:
        context = await chromium.new_context(base_url=at.url, **options)
        visitors.append(Visitor(context, at.url))
        return await visitors[-1].open()

    yield invite
    for visitor in visitors:
        await visitor.context.close()
    slips = [slip for visitor in visitors for slip in visitor.slips]
    assert slips == [], "\n".join(slips)


@pytest_asyncio.fixture(loop_scope="session")
async def page(people: Invite) -> Page:
    """An empty tab of somebody; `await page.goto("/")` opens the page of `relay`."""
    return (await people()).page


@pytest.fixture(scope="session")
def axe() -> Callable[..., Awaitable[list[str]]]:
    """What axe-core finds wrong on a page: `assert await axe(page) == []`."""
    source = AXE.read_text()

    async def look(page: Page, **options: Any) -> list[str]:
        # The debugger's evaluation is not subject to the policy of the page.
        if not await page.evaluate("() => 'axe' in globalThis"):
            await page.evaluate(f"() => {{ {source} }}")
        found = await page.evaluate("(options) => axe.run(document, options)", options)
        return [
            f"{one['id']}: {one['help']}: {', '.join(str(node['target']) for node in one['nodes'])}"
            for one in found["violations"]
        ]

    return look
