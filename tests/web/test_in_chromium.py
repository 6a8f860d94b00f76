"""What a real Chromium makes of the policy and the hashes that come with a page."""

import contextlib
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from msgspec.structs import replace
from playwright.async_api import Error, expect

from server.transports.web_files import read_client
from tests.servers import until

pytestmark = pytest.mark.asyncio(loop_scope="session")

VENDORED = """
import { ed25519, hkdf, hmac, sha256, sha512, x25519, xchacha20poly1305 } from "./vendor/noble.js";
import { html, render, signal, useState } from "./vendor/preact.js";
import { generate, toSvgPath } from "./vendor/qr.js";
import { io } from "./vendor/socket.io-client.js";

const key = hkdf(sha256, x25519.keygen().secretKey, undefined, undefined, 32);
const box = xchacha20poly1305(key, crypto.getRandomValues(new Uint8Array(24)));
const words = new TextEncoder().encode("words");
const opened = new TextDecoder().decode(box.decrypt(box.encrypt(words)));
const { secretKey, publicKey } = ed25519.keygen();
const isSigned = ed25519.verify(ed25519.sign(words, secretKey), words, publicKey);
const sizes = [hmac(sha512, key, words).length, toSvgPath(generate("a link")).length > 99];

const heard = signal([]);
for (const transports of [["websocket"], ["polling"], ["polling", "websocket"]]) {
  const socket = io({ transports, forceNew: true });
  const done = () => (heard.value = [...heard.value, transports.join()].sort());
  socket.once("connect", () => (transports[1] ? socket.io.engine.once("upgrade", done) : done()));
}

function App() {
  const [times, setTimes] = useState(0);
  const press = () => setTimes(times + 1);
  return html`
    <button onClick=${press} style=${{ color: "rgb(4, 5, 6)" }}>pressed ${times}</button>
    <p id="made">${[opened, isSigned, ...sizes].join()}</p>
    <p id="heard">${heard.value.join(" ")}</p>
    <svg viewBox="0 0 25 25"><path d=${toSvgPath(generate(opened))} /></svg>
    <p id="hostile">${"<img src=x onerror=alert()>"}</p>
  `;
}
render(html`<${App} />`, document.querySelector("main"));
"""


def asked_for(visitor):
    """The names of files, in order; a browser may or may not want the icon."""
    paths = [Path(urlsplit(one.url).path) for one in visitor.requests]
    return [path.name for path in paths if path.name != "icon.svg"]


async def test_a_page_runs_and_asks_for_each_of_its_files_once(people, serve, client_folder):
    server = await serve(None, read_client(client_folder))
    alice = await people(at=server)
    await alice.page.goto("/")
    await expect(alice.page).to_have_title("ran 3")
    await expect(alice.page.locator("h1")).to_have_css("color", "rgb(1, 2, 3)")
    at_once = asked_for(alice)
    await alice.page.evaluate("() => window.later()")

    await expect(alice.page).to_have_title("later 3")

    assert sorted(at_once) == ["", "main.js", "page.css", "three.js", "two.js"]
    assert asked_for(alice)[len(at_once) :] == ["later.js"]
    assert alice.console == []


async def test_the_vendored_code_does_its_work_under_the_policy_of_the_page(
    people, serve, client_folder
):
    (client_folder / "main.js").write_text(VENDORED)
    server = await serve(None, read_client(client_folder))
    alice = await people(at=server)
    await alice.page.goto("/")
    await alice.page.locator("button").click()

    await expect(alice.page.locator("button")).to_have_text("pressed 1")
    await expect(alice.page.locator("button")).to_have_css("color", "rgb(4, 5, 6)")
    await expect(alice.page.locator("#made")).to_have_text("words,true,64,true")
    await expect(alice.page.locator("#heard")).to_have_text("polling polling,websocket websocket")
    await expect(alice.page.locator("#hostile")).to_have_text("<img src=x onerror=alert()>")
    assert alice.console == []


# --- what has another hash ---


def harmed_client(folder, harmed):
    """One whose page has the true hashes, and that gives out another file under this name."""
    client = read_client(folder)
    source = folder / harmed
    source.write_text(source.read_text() + "\n/* harm */\n")
    files = {**client.files, harmed: read_client(folder).files[harmed]}
    return replace(client, files=files)


@pytest.mark.parametrize("harmed", ["main.js", "three.js"])
async def test_a_page_with_one_changed_module_does_not_run(people, serve, client_folder, harmed):
    server = await serve(None, harmed_client(client_folder, harmed))
    alice = await people(at=server)
    alice.expect("integrity")
    await alice.page.goto("/")
    await until(lambda: alice.errors)

    assert await alice.page.title() == "waiting"


async def test_a_changed_style_sheet_is_not_used(people, serve, client_folder):
    server = await serve(None, harmed_client(client_folder, "page.css"))
    alice = await people(at=server)
    alice.expect("integrity")
    await alice.page.goto("/")

    await expect(alice.page).to_have_title("ran 3")
    await expect(alice.page.locator("h1")).not_to_have_css("color", "rgb(1, 2, 3)")


async def test_a_module_that_was_changed_before_it_is_needed_does_not_run(
    people, serve, client_folder
):
    server = await serve(None, harmed_client(client_folder, "later.js"))
    alice = await people(at=server)
    alice.expect("integrity")
    await alice.page.goto("/")
    await expect(alice.page).to_have_title("ran 3")

    with pytest.raises(Error, match="Failed to fetch dynamically imported module"):
        await alice.page.evaluate("() => window.later()")

    assert await alice.page.title() == "ran 3"


# --- what the policy forbids ---


async def test_a_script_whose_hash_the_page_does_not_name_is_not_run(people, relay):
    alice = await people()
    alice.expect("integrity", "Integrity")
    await alice.page.goto("/")

    with pytest.raises(Error, match="Failed to fetch dynamically imported module"):
        await alice.page.evaluate("() => import('/client/vendor/qr.js?')")


FORBIDDEN = (
    "document.body.innerHTML = '<b>hostile</b>'",
    "document.write('<b>hostile</b>')",
    "setTimeout('document.title = 1')",
    "document.createElement('script').textContent = '1'",
    "document.createElement('script').src = '/client/vendor/qr.js'",
    "new Worker('/client/vendor/qr.js')",
    "trustedTypes.createPolicy('mine', {})",
)


async def test_a_page_cannot_make_code_or_markup_of_texts(people):
    alice = await people()
    alice.expect("Trusted", "trusted-types")
    await alice.page.goto("/")

    for code in FORBIDDEN:
        with pytest.raises(Error, match="Trusted"):
            await alice.page.evaluate(f"() => {{ {code} }}")

    await until(lambda: len(alice.violations) >= len(FORBIDDEN))


async def test_a_page_can_send_nothing_elsewhere(people):
    heard = []

    async def hear(request):
        heard.append(request.path)
        return web.Response()

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", hear)
    async with TestServer(app) as elsewhere:
        alice = await people()
        alice.expect("connect-src", "img-src", "Content Security Policy", "asked elsewhere")
        await alice.page.goto("/")
        address = elsewhere.make_url("/secret")
        for code in (
            f"fetch('{address}').catch(String)",
            f"new Promise((done) => {{ new WebSocket('{address}').onerror = () => done(1); }})",
            f"new Promise((done) => {{ new EventSource('{address}').onerror = () => done(1); }})",
            f"navigator.sendBeacon('{address}', 'words')",
            f"{{ new Image().src = '{address}'; }}",
        ):
            await alice.page.evaluate(f"() => {code}")

        await until(lambda: len(alice.violations) >= 5)
        assert heard == []
    assert {one.split()[1] for one in alice.violations} == {"connect-src", "img-src"}


# --- pages elsewhere ---


@asynccontextmanager
async def foreign_page(module):
    """A server of somebody else, whose page runs this module."""

    async def home(_):
        text = f'<link rel="icon" href="data:,"><script type="module">{module}</script>'
        return web.Response(text=text, content_type="text/html")

    app = web.Application()
    app.router.add_get("/", home)
    async with TestServer(app) as server:
        yield str(server.make_url("/"))


async def test_a_page_elsewhere_imports_the_library_and_reads_nothing_more(people, relay):
    module = f"""
        const {{ sha256 }} = await import("{relay.url}/client/vendor/noble.js");
        const status = await fetch("{relay.url}/health").catch(() => "nothing");
        document.title = `${{sha256(new Uint8Array(1)).length}} and ${{status}}`;
    """
    async with foreign_page(module) as url:
        alice = await people()
        alice.expect("asked elsewhere", "CORS", "Failed to load resource")
        await alice.page.goto(url)

        await expect(alice.page).to_have_title("32 and nothing")


# --- those who watch ---

SLIPS = {
    "console.error('oh')": "error: oh",
    "setTimeout(() => { throw new Error('lost') })": "uncaught: lost",
    "Promise.reject(new Error('rejected'))": "uncaught: rejected",
    "document.body.setAttribute('style', 'color: red')": "violated: style-src",
    "fetch('/client/none.js')": "404",
    "new Image().src = 'http://127.0.0.1:1/x'": "violated: img-src",
}


def unnoticed(visitor):
    noticed = "\n".join(visitor.slips)
    return [slip for slip in SLIPS.values() if slip not in noticed]


async def test_every_kind_of_slip_of_a_page_is_noticed(people, serve, client_folder):
    (client_folder / "main.js").write_text(";\n".join(SLIPS))
    server = await serve(None, read_client(client_folder))
    alice = await people(at=server)
    await alice.page.goto("/")
    with contextlib.suppress(TimeoutError):
        await until(lambda: not unnoticed(alice))

    assert unnoticed(alice) == [], alice.slips
    alice.expect("")  # any


async def test_who_loads_something_from_elsewhere_is_noticed(people):
    async with foreign_page("document.title = 1") as url:
        alice = await people()
        await alice.page.goto(url)

        assert alice.slips == [f"asked elsewhere: {url}"]
        alice.expect("asked elsewhere")


async def test_what_is_closed_to_some_people_is_noticed(people, serve, client_folder, axe):
    page = client_folder / "index.html"
    page.write_text(page.read_text().replace("<h1>", '<img src="client/icon.svg"><h1>'))
    server = await serve(None, read_client(client_folder))
    alice = await people(at=server)
    await alice.page.goto("/")

    (found,) = await axe(alice.page)
    assert found.startswith("image-alt")
