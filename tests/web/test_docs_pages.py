"""The pages of the documentation in a browser, which may ask nobody but us and run nothing else."""

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
LOOKS = {
    "desktop": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "dark"},
    "phone": {"viewport": PHONE, "is_mobile": True},
}

each_look = pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)


@pytest_asyncio.fixture(loop_scope="session")
async def read(chromium):
    """Opens a page of the documentation for somebody who is to have no slips at the end."""
    visitors = []

    async def open_page(url, path, **look):
        context = await chromium.new_context(base_url=url, **look)
        visitor = await Visitor(context, url).open()
        visitors.append(visitor)
        await visitor.page.goto(path)
        return visitor

    yield open_page
    for visitor in visitors:
        assert visitor.slips == []
        await visitor.context.close()


def operation(page, name):
    return page.locator(f"#operations-{SERVER_TAG}-{name}")


async def execute(page, name):
    """Try an operation out; what was answered."""
    row = operation(page, name)
    await row.locator(".opblock-summary-control").click()
    await row.get_by_role("button", name="Execute").click()
    return row.locator(".live-responses-table")


@each_look
async def test_swagger_ui_shows_every_api_and_tries_a_route(read, relay, look):
    page = (await read(relay.url, "/docs", **look)).page

    for tag in TAGS:
        await expect(page.locator(f'[data-tag="{tag}"]')).to_be_visible()
    answer = await execute(page, "getHealth")
    await expect(answer.locator(".response-col_status").last).to_have_text("200")
    await expect(answer.locator(".highlight-code").first).to_contain_text('"status": "ok"')
    assert await width_over(page) <= 0


async def test_a_route_with_all_its_refusals_is_no_wider_than_a_phone(read, relay):
    # No `is_mobile`: a phone shows a page that is too wide as a whole, and smaller.
    page = (await read(relay.url, "/docs", viewport=PHONE)).page
    row = page.locator(".opblock-post").filter(has=page.locator('[data-path="/api/events"]'))
    await row.locator(".opblock-summary-control").click()
    await expect(row.locator(".responses-table")).to_contain_text("queue_full")
    assert await width_over(page) <= 0


@each_look
async def test_redoc_shows_every_api(read, relay, look):
    visitor = await read(relay.url, "/redoc", **look)
    page = visitor.page

    for tag in TAGS:
        await expect(page.get_by_role("heading", name=tag).first).to_be_attached()
    await expect(page.get_by_role("heading", name="Ask how this process is")).to_be_attached()
    assert await width_over(page) <= 0
    assert visitor.console == []  # it warns of schemas that contradict themselves


async def width_over(page):
    """By how much the page is wider than what is seen of it."""
    return await page.evaluate("document.documentElement.scrollWidth - innerWidth")


async def test_a_token_that_is_given_to_swagger_ui_is_shown_to_this_server(read, relay):
    async with (
        aiohttp.ClientSession(relay.url) as http,
        http.post("/api/auth/guest", json={"login": "Ann"}) as answer,
    ):
        token = (await answer.json())["token"]
    page = (await read(relay.url, "/docs")).page

    await show_token(page, token)
    row = page.locator("#operations-identity-getAuthMe")
    await row.locator(".opblock-summary-control").click()
    await row.get_by_role("button", name="Execute").click()
    await expect(row.locator(".live-responses-table .highlight-code").first).to_contain_text("Ann")


async def show_token(page, token):
    """Have Swagger UI send a token with each request."""
    await page.get_by_role("button", name="Authorize").click()
    bearer = page.locator(".auth-container").filter(has_text="bearer").filter(has_text="(http")
    await bearer.first.get_by_role("textbox").fill(token)
    await bearer.first.get_by_role("button", name="Apply credentials").click()
    await page.get_by_role("button", name="Close").last.click()


async def test_a_file_goes_up_by_swagger_ui(read, tmp_path):
    note = tmp_path / "note.txt"
    note.write_text("to do: lunch")
    token = by_secret({"sub": "ann", "workspaceIds": ["acme"]}, SECRET.encode())
    async with (
        running(JWT_SECRET=SECRET, DATA_DIR=tmp_path) as server,
        aiohttp.ClientSession(server.url, headers={"Authorization": f"Bearer {token}"}) as http,
    ):
        wish = {"type": "GROUP", "name": "general", "workspaceId": "acme"}
        async with http.post("/chat/conversations", json=wish) as answer:
            conversation = (await answer.json())["conversation"]["id"]
        page = (await read(server.url, "/docs")).page
        await show_token(page, token)
        row = page.locator(".opblock-post").filter(has_text="Put a file into a conversation")
        await row.locator(".opblock-summary-control").click()
        await row.get_by_placeholder("conversationId").fill(conversation)
        await row.locator("input[type=file]").set_input_files(note)
        await row.get_by_role("button", name="Execute").click()

        answered = row.locator(".live-responses-table")
        await expect(answered.locator(".response-col_status").last).to_have_text("201")
        await expect(answered.locator(".highlight-code").first).to_contain_text('"size": 12')


async def test_behind_a_proxy_both_pages_work_in_their_folder(read):
    async with running() as server, proxy_to(server.url) as url:
        page = (await read(url, "docs")).page
        answer = await execute(page, "getHealth")
        await expect(answer.locator(".response-col_status").last).to_have_text("200")

        page = (await read(url, "redoc")).page
        await expect(page.get_by_role("heading", name="Ask how this process is")).to_be_attached()


async def test_nothing_that_a_text_says_is_run(read, relay):
    visitor = await read(relay.url, "/docs")
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
            return [...outcomes, globalThis.ran];
        }"""
    )
    assert ran == ["refused", "refused", "refused", None]


async def test_files_are_kept_by_browsers_and_packed(relay):
    async with aiohttp.ClientSession(relay.url, auto_decompress=False) as http:
        for path, file in built_in_pages().files.items():
            async with http.get(f"/docs/{path}") as answer:
                assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-cache")
                assert answer.headers["Content-Type"] == file.content_type
                assert ("Content-Encoding" in answer.headers) is (file.gzipped is not None)
                known = {"If-None-Match": answer.headers["ETag"]}
            async with http.get(f"/docs/{path}", headers=known) as answer:
                assert (answer.status, await answer.read()) == (304, b"")


async def test_a_file_that_is_not_there_is_not_found(relay):
    async with aiohttp.ClientSession(relay.url) as http:
        for path in ("/docs/docs.html", "/docs/nothing.js", "/docs/../app.py"):
            async with http.get(path) as answer:
                body = msgspec.json.decode(await answer.read())
                assert (answer.status, body["code"]) == (404, "not_found")
