"""The pages of the documentation in a browser, which may ask nobody but us and run nothing else."""

from contextlib import asynccontextmanager

import aiohttp
import msgspec
import pytest
import pytest_asyncio
from playwright.async_api import expect

from server.app import APIS
from server.transports.docs_pages import built_in_pages
from server.transports.openapi import SERVER_TAG
from tests.issuers import by_secret
from tests.servers import SECRET, running
from tests.web.test_in_a_folder import proxy_to
from tests.web.visitors import Visitor

pytestmark = pytest.mark.asyncio(loop_scope="session")

TAGS = [*(api.name for api in APIS if api.routes), SERVER_TAG]
PHONE = {"width": 390, "height": 844}
LOOKS = {"desktop": ({"width": 1280, "height": 900}, "dark"), "phone": (PHONE, "light")}

each_look = pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)


async def opened(chromium, url, path, **look):
    """Somebody who reads a page of the documentation."""
    visitor = await Visitor(await chromium.new_context(base_url=url, **look), url).open()
    await visitor.page.goto(path)
    return visitor


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def documented(tmp_path_factory):
    """A server that knows users and keeps files."""
    async with running(JWT_SECRET=SECRET, DATA_DIR=tmp_path_factory.mktemp("data")) as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def read_pages():
    """Those that somebody has loaded, by their paths."""
    pages: dict[str, Visitor] = {}
    yield pages
    for visitor in pages.values():
        await visitor.context.close()


@pytest_asyncio.fixture(loop_scope="session")
async def read(chromium, documented, read_pages, request):
    """Shows a page of the documentation to somebody who is to have no slips at the end.

    It is loaded once for all tests, as that takes seconds, and anew after one that failed.
    Each test closes what it has opened. Widths are seen without `is_mobile`: a phone shows a page
    that is too wide as a whole, and smaller.
    """
    failures, shown = request.session.testsfailed, []

    async def show(path, look=LOOKS["desktop"]):
        if path not in read_pages:
            read_pages[path] = await opened(chromium, documented.url, path)
        shown.append(path)
        viewport, color_scheme = look
        await read_pages[path].page.set_viewport_size(viewport)
        await read_pages[path].page.emulate_media(color_scheme=color_scheme)
        return read_pages[path]

    yield show
    slips = [slip for path in shown for slip in read_pages[path].slips]
    for path in shown:
        read_pages[path].forget()
        if slips or request.session.testsfailed != failures:
            await read_pages.pop(path).context.close()
    assert slips == []


def operation(page, name):
    return page.locator(f"#operations-{SERVER_TAG}-{name}")


@asynccontextmanager
async def unfolded(row):
    """A route with all that can be done with it, which is folded again afterwards."""
    await row.locator(".opblock-summary-control").click()
    yield row
    await row.locator(".opblock-summary-control").click()
    await expect(row.locator(".opblock-body")).to_have_count(0)


async def execute(row):
    """Try an operation out; what was answered."""
    await row.get_by_role("button", name="Execute").click()
    return row.locator(".live-responses-table")


@each_look
async def test_swagger_ui_shows_every_api_and_tries_a_route(read, look):
    page = (await read("/docs", look)).page

    for tag in TAGS:
        await expect(page.locator(f'[data-tag="{tag}"]')).to_be_visible()
    async with unfolded(operation(page, "getHealth")) as row:
        answer = await execute(row)
        await expect(answer.locator(".response-col_status").last).to_have_text("200")
        await expect(answer.locator(".highlight-code").first).to_contain_text('"status": "ok"')
        assert await width_over(page) <= 0


async def test_a_route_with_all_its_refusals_is_no_wider_than_a_phone(read):
    page = (await read("/docs", LOOKS["phone"])).page
    row = page.locator(".opblock-post").filter(has=page.locator('[data-path="/api/events"]'))
    async with unfolded(row):
        await expect(row.locator(".responses-table")).to_contain_text("queue_full")
        assert await width_over(page) <= 0


@each_look
async def test_redoc_shows_every_api(read, look):
    visitor = await read("/redoc", look)
    page = visitor.page

    for tag in TAGS:
        await expect(page.get_by_role("heading", name=tag).first).to_be_attached()
    await expect(page.get_by_role("heading", name="Ask how this process is")).to_be_attached()
    assert await width_over(page) <= 0
    assert visitor.console == []  # it warns of schemas that contradict themselves


async def width_over(page):
    """By how much the page is wider than what is seen of it."""
    return await page.evaluate("document.documentElement.scrollWidth - innerWidth")


async def test_a_token_that_is_given_to_swagger_ui_is_shown_to_this_server(read, documented):
    async with (
        aiohttp.ClientSession(documented.url) as http,
        http.post("/api/auth/guest", json={"login": "Ann"}) as answer,
    ):
        token = (await answer.json())["token"]
    page = (await read("/docs")).page

    async with shown(token, page), unfolded(page.locator("#operations-identity-getAuthMe")) as row:
        answer = await execute(row)
        await expect(answer.locator(".highlight-code").first).to_contain_text("Ann")


@asynccontextmanager
async def shown(token, page):
    """Have Swagger UI send a token with each request, until the end."""
    async with credentials(page) as bearer:
        await bearer.get_by_role("textbox").fill(token)
        await bearer.get_by_role("button", name="Apply credentials").click()
    yield
    async with credentials(page) as bearer:
        await bearer.get_by_role("button", name="Remove authorization").click()


@asynccontextmanager
async def credentials(page):
    """The dialog, where it is about tokens."""
    await page.get_by_role("button", name="Authorize").click()
    bearer = page.locator(".auth-container").filter(has_text="bearer").filter(has_text="(http")
    yield bearer.first
    await page.get_by_role("button", name="Close").last.click()


async def test_a_file_goes_up_by_swagger_ui(read, documented, tmp_path):
    note = tmp_path / "note.txt"
    note.write_text("to do: lunch")
    token = by_secret({"sub": "ann", "workspaceIds": ["acme"]}, SECRET.encode())
    headers = {"Authorization": f"Bearer {token}"}
    wish = {"type": "GROUP", "name": "general", "workspaceId": "acme"}
    async with (
        aiohttp.ClientSession(documented.url, headers=headers) as http,
        http.post("/chat/conversations", json=wish) as answer,
    ):
        conversation = (await answer.json())["conversation"]["id"]
    page = (await read("/docs")).page
    row = page.locator(".opblock-post").filter(has_text="Put a file into a conversation")

    async with shown(token, page), unfolded(row):
        await row.get_by_placeholder("conversationId").fill(conversation)
        await row.locator("input[type=file]").set_input_files(note)
        answered = await execute(row)
        await expect(answered.locator(".response-col_status").last).to_have_text("201")
        await expect(answered.locator(".highlight-code").first).to_contain_text('"size": 12')


async def test_behind_a_proxy_both_pages_work_in_their_folder(chromium, documented):
    async with proxy_to(documented.url) as url:
        visitor = await opened(chromium, url, "docs", viewport=PHONE, is_mobile=True)
        page = visitor.page
        async with unfolded(operation(page, "getHealth")) as row:
            answer = await execute(row)
            await expect(answer.locator(".response-col_status").last).to_have_text("200")

        await page.goto("redoc")
        await expect(page.get_by_role("heading", name="Ask how this process is")).to_be_attached()
        await visitor.context.close()
    assert visitor.slips == []


async def test_nothing_that_a_text_says_is_run(read):
    visitor = await read("/docs")
    visitor.expect("Content Security Policy", "violated", "TrustedScript")

    ran = await visitor.page.evaluate(
        """async () => {
            const outcomes = [];
            const attempt = (what) => { try { what(); } catch { outcomes.push("refused"); } };
            attempt(() => setTimeout("globalThis.ran = 1"));
            attempt(() => { document.createElement("script").text = "globalThis.ran = 2"; });
            attempt(() => { document.createElement("script").src = "/client/vendor/qr.js"; });
            const markup = document.createElement("div");
            markup.innerHTML = "<img src=data:, onerror='globalThis.ran = 3'>";
            document.body.append(markup);
            await new Promise((done) => markup.firstChild.addEventListener("error", done));
            markup.remove();
            return [...outcomes, globalThis.ran];
        }"""
    )
    assert ran == ["refused", "refused", "refused", None]


async def test_files_are_kept_by_browsers_and_packed(documented):
    async with aiohttp.ClientSession(documented.url, auto_decompress=False) as http:
        for path, file in built_in_pages().files.items():
            async with http.get(f"/docs/{path}") as answer:
                assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-cache")
                assert answer.headers["Content-Type"] == file.content_type
                assert ("Content-Encoding" in answer.headers) is (file.gzipped is not None)
                known = {"If-None-Match": answer.headers["ETag"]}
            async with http.get(f"/docs/{path}", headers=known) as answer:
                assert (answer.status, await answer.read()) == (304, b"")


async def test_a_file_that_is_not_there_is_not_found(documented):
    async with aiohttp.ClientSession(documented.url) as http:
        for path in ("/docs/docs.html", "/docs/nothing.js", "/docs/../app.py"):
            async with http.get(path) as answer:
                body = msgspec.json.decode(await answer.read())
                assert (answer.status, body["code"]) == (404, "not_found")
