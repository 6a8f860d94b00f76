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
from playwright.async_api import Page, async_playwright, expect

from server.transports.web_files import Client, read_client
from tests.servers import RunningServer, running
from tests.web.stage import Outcome, plays
from tests.web.visitors import Chromium, Invite, visits

AXE = Path(__file__).parents[1] / "js/node_modules/axe-core/axe.min.js"

EXPECT_LIMIT_MS = 20_000
"""That of Playwright would be missed by a machine that has much else to do."""

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

RUN = '<script type="module" src="client/page/main.js"></script>'
"""What makes the page of the built-in client run."""

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


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def played(request) -> AsyncIterator[Callable[[Path], Awaitable[Outcome]]]:
    """Waits for one of the files for Node that are the parameters `file` of these tests."""
    tests = [item for item in request.session.items if item.path == request.path]
    async with plays([test.callspec.params["file"] for test in tests]) as outcome_of:
        yield outcome_of


# --- people in a browser ---


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator[Chromium]:
    async with async_playwright() as playwright:
        browser = Chromium(playwright)
        expect.set_options(timeout=EXPECT_LIMIT_MS)
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
async def people(chromium: Chromium, relay: RunningServer, serve: Serve) -> AsyncIterator[Invite]:
    """Brings people with a browser each: `alice = await people()`; see `visits`."""
    async with visits(chromium, relay) as invite:
        yield invite


@pytest_asyncio.fixture(loop_scope="session")
async def page(people: Invite) -> Page:
    """An empty tab of somebody; `await page.goto("/")` opens the page of `relay`."""
    return (await people()).page


@pytest.fixture(scope="session")
def quiet_client(tmp_path_factory) -> Client:
    """The built-in client, of whose modules the page itself runs none: for tests of single ones."""
    folder = tmp_path_factory.mktemp("quiet") / "web"
    shutil.copytree(WEB, folder)
    page = folder / "index.html"
    page.write_text(page.read_text().replace(f"{RUN}\n", "", 1))
    assert RUN not in page.read_text()
    return read_client(folder)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def quiet_page(chromium: Chromium, quiet_client: Client) -> AsyncIterator[Page]:
    """A tab with all hashes and the policy of the page, for all tests of a file."""
    async with running(None, quiet_client) as relay, visits(chromium, relay) as invite:
        page = (await invite()).page
        await page.goto("/")
        yield page


@pytest.fixture(scope="session")
def axe() -> Callable[..., Awaitable[list[str]]]:
    """What axe-core finds wrong on a page: `assert await axe(page) == []`."""
    source = AXE.read_text()

    async def look(page: Page, **options: Any) -> list[str]:
        # The debugger's evaluation is not subject to the policy of the page.
        if not await page.evaluate("() => 'axe' in globalThis"):
            await page.evaluate(f"() => {{ {source} }}")
        # Of what is right it then does not work out where it stands.
        wanted = {"resultTypes": ["violations"], **options}
        found = await page.evaluate("(wanted) => axe.run(document, wanted)", wanted)
        return [
            f"{one['id']}: {one['help']}: {', '.join(str(node['target']) for node in one['nodes'])}"
            for one in found["violations"]
        ]

    return look
