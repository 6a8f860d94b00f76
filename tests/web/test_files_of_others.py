"""What a real Chromium makes of files that other people have put into a conversation.

Whoever could have a page or a picture of theirs shown under our origin would read what the page
there keeps.
"""

import aiohttp
import jwt
import pytest
import pytest_asyncio
from playwright.async_api import Error

from server.apis.workspaces import WORKSPACES
from tests.servers import SECRET, running, until
from tests.web.visitors import visits

pytestmark = pytest.mark.asyncio(loop_scope="session")

TELLS = "new Image().src = '/ran'; window.top.hasRun = true"

SVG = "xmlns='http://www.w3.org/2000/svg'"

FILES = {
    "page.html": ("text/html", f"<!doctype html><script>{TELLS}</script><b>ours?</b>"),
    "picture.svg": (
        "image/svg+xml",
        f"<svg {SVG} width='9' height='9'><script>{TELLS}</script></svg>",
    ),
    "code.js": ("text/javascript", TELLS),
    "page.xhtml": (
        "application/xhtml+xml",
        f"<html xmlns='http://www.w3.org/1999/xhtml'><script>{TELLS}</script></html>",
    ),
}

FRAMES = ("iframe", "embed", "object")

SHOW = """async ([kind, url]) => {
  const shown = document.createElement(kind);
  shown[kind === "object" ? "data" : "src"] = url;
  const settled = new Promise((done) => (shown.onload = shown.onerror = done));
  document.body.append(shown);
  await settled;
  return { hasRun: window.hasRun === true, width: shown.naturalWidth ?? 0 };
}"""

BEGIN = SHOW.replace("await settled;", "")
"""The same of a frame that comes to nothing, and says nothing of it."""

LIMIT_S = 20

BLANK = "<!doctype html><title>blank</title><body></body>"
"""A page of our origin that forbids nothing by itself."""


class Reader:
    """Somebody with a token, which her browser shows wherever it goes."""

    def __init__(self, visitor, http, room):
        self.visitor, self.page = visitor, visitor.page
        self._http = http
        self._room = room

    def begin(self):
        """Have asked for nothing yet."""
        self.visitor.forget()
        self.visitor.expect("Failed to load resource", "Refused to execute script")

    async def put(self, name):
        """The address of a file that is there."""
        kind, text = FILES[name]
        told = {"Content-Type": kind, "X-File-Name": name}
        path = f"/chat/conversations/{self._room}/files"
        async with self._http.post(path, data=text.encode(), headers=told) as response:
            told = await response.json()
            assert response.status == 201, told
            return told["file"]["url"]

    async def serve_inline(self, name):
        """The address of the same, as a server would have it that does not think of this."""
        kind, text = FILES[name]
        address = f"**/inline/{name}"
        await self.page.context.route(
            address, lambda route: route.fulfill(body=text, content_type=kind)
        )
        return f"/inline/{name}"

    async def show(self, kind, url):
        """Whether it has run, and how wide it is, once that is settled."""
        await self.page.goto("/blank")
        return await self.page.evaluate(SHOW, [kind, url])

    @property
    def has_run(self):
        return any(one.url.endswith("/ran") for one in self.visitor.requests)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def alice(chromium, tmp_path_factory):
    """Reads in all tests: each shows what it is about in a page that is blank again."""
    folder = tmp_path_factory.mktemp("data")
    settings = {"JWT_SECRET": SECRET, "RATE_LIMITS": "off", "DATA_DIR": folder}
    token = jwt.encode({"sub": "alice"}, SECRET, algorithm="HS256")
    told = {"Authorization": f"Bearer {token}"}
    async with (
        running(None, None, (WORKSPACES,), **settings) as server,
        visits(chromium, server) as invite,
        aiohttp.ClientSession(server.url, headers=told) as http,
    ):
        async with http.post("/chat/workspaces", json={"name": "Acme"}) as response:
            team = (await response.json())["workspace"]["id"]
        wish = {"type": "GROUP", "name": "general", "workspaceId": team}
        async with http.post("/chat/conversations", json=wish) as response:
            room = (await response.json())["conversation"]["id"]
        visitor = await invite()
        await visitor.context.set_extra_http_headers(told)
        await visitor.context.route("**/ran", lambda route: route.fulfill(status=204))
        await visitor.context.route(
            "**/blank", lambda route: route.fulfill(body=BLANK, content_type="text/html")
        )
        yield Reader(visitor, http, room)


@pytest.fixture
def reader(alice):
    alice.begin()
    yield alice
    assert alice.visitor.slips == []


@pytest.mark.parametrize("name", FILES)
async def test_who_follows_the_address_of_a_file_saves_it_and_sees_nothing(reader, name):
    url = await reader.put(name)
    await reader.page.goto("/blank")
    async with reader.page.expect_download() as saved:
        with pytest.raises(Error, match=r"Download is starting|ERR_ABORTED"):
            await reader.page.goto(url)
    assert (await saved.value).suggested_filename == name
    assert await reader.page.title() == "blank"
    assert not reader.has_run


@pytest.mark.parametrize("kind", FRAMES)
@pytest.mark.parametrize("name", FILES)
async def test_in_a_frame_it_is_saved_and_not_shown(reader, name, kind):
    url = await reader.put(name)
    await reader.page.goto("/blank")
    async with reader.page.expect_download():
        await reader.page.evaluate(BEGIN, [kind, url])
    assert not await reader.page.evaluate("window.hasRun === true")
    assert not reader.has_run


@pytest.mark.parametrize("kind", ["img", "script"])
@pytest.mark.parametrize("name", FILES)
async def test_it_is_no_picture_and_no_script(reader, name, kind):
    url = await reader.put(name)
    assert await reader.show(kind, url) == {"hasRun": False, "width": 0}
    assert not reader.has_run


@pytest.mark.parametrize(
    ("name", "kind"), [("page.html", "iframe"), ("picture.svg", "object"), ("code.js", "script")]
)
async def test_served_otherwise_it_would_run(reader, name, kind):
    """Else the tests above would see nothing whatever came."""
    shown = await reader.show(kind, await reader.serve_inline(name))
    assert shown["hasRun"]
    await until(lambda: reader.has_run, LIMIT_S)


async def test_served_otherwise_the_picture_would_be_shown(reader):
    shown = await reader.show("img", await reader.serve_inline("picture.svg"))
    assert shown["width"] == 9
