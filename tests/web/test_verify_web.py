"""`scripts/verify-web` against servers that serve this checkout, and others that do not."""

import asyncio
import hashlib
import re
import runpy
import shutil
import sys
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from msgspec.structs import replace
from multidict import CIMultiDict
from yarl import URL

from server.transports.docs_pages import HEADERS, built_in_pages
from server.transports.web_files import built_in, read_client
from tests.servers import running
from tests.web.conftest import WEB

SCRIPT = WEB.parents[1] / "scripts/verify-web"
NOBLE = "/client/vendor/noble.js"
POLICY = "(Content-Security-Policy)"
POLICIES = {POLICY, "(Cross-Origin-Embedder-Policy)", "(Integrity-Policy)"}
SWAGGER = "/docs/vendor/swagger-ui.js"
OF_DOCS = {f"({header} of /{name})" for header in HEADERS for name in ("docs", "redoc")}


compare = runpy.run_path(str(SCRIPT))["verify"]
"""What the script does, without a process for each time that it is asked."""


async def wrong_at(url):
    """What is not the same, by path, and in which way."""
    return wrong_of(await compare(URL(url)))


async def wrong_ones(client):
    """What is said to be not the same of a client."""
    async with running(None, client) as server:
        return await wrong_at(server.url)


def wrong_of(rows):
    return {path: verdict for path, _, verdict in rows if verdict != "same"}


async def verify(url):
    """The exit status, and what the script says of each path."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, SCRIPT, url),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, complaint = await process.communicate()
    rows = re.findall(r"^(.+?) +([0-9a-f]{64}|-) +(\w+)$", said.decode(), re.MULTILINE)
    assert rows or complaint, said
    return process.returncode, {path: (digest, verdict) for path, digest, verdict in rows}


@pytest.fixture
def copy(tmp_path):
    """A copy of the client of this checkout."""
    return shutil.copytree(WEB, tmp_path / "web")


async def test_a_server_of_this_checkout_is_the_same_in_every_file(server):
    status, rows = await verify(f"{server.url}/?a=b#secret")

    client = built_in()
    bodies = {f"/client/{path}": file.plain.body for path, file in client.files.items()}
    bodies["/"] = client.page.plain.body
    documentation = built_in_pages()
    bodies |= {f"/docs/{path}": file.plain.body for path, file in documentation.files.items()}
    bodies |= {f"/{name}": page.plain.body for name, page in documentation.pages.items()}
    assert status == 0
    assert rows.keys() == {*POLICIES, *OF_DOCS, *bodies}
    for path, body in bodies.items():
        assert rows[path] == (hashlib.sha256(body).hexdigest(), "same")


async def test_a_changed_module_is_told_although_the_page_is_as_it_was():
    client = built_in()
    noble = client.files["vendor/noble.js"]
    changed = replace(noble.plain, body=noble.plain.body.replace(b"32", b"31"))
    file = replace(noble, plain=changed, gzipped=None)

    async with running(None, with_noble(client, file)) as server:
        status, rows = await verify(server.url)

    assert status == 1
    assert wrong_of((path, *row) for path, row in rows.items()) == {NOBLE: "DIFFERENT"}


def with_noble(client, file):
    return replace(client, files={**client.files, "vendor/noble.js": file})


async def test_a_change_that_only_browsers_which_take_gzip_get_is_told():
    client = built_in()
    noble = client.files["vendor/noble.js"]
    file = replace(noble, gzipped=client.files["vendor/qr.js"].gzipped)

    wrong = await wrong_ones(with_noble(client, file))

    assert wrong == {NOBLE: "DIFFERENT"}


async def test_a_change_with_hashes_that_fit_it_is_told(copy):
    (copy / "vendor/noble.js").write_text("export {};\n")

    wrong = await wrong_ones(read_client(copy))

    assert wrong == {"/": "DIFFERENT", POLICY: "DIFFERENT", NOBLE: "DIFFERENT"}


async def test_a_module_too_many_and_one_too_few_are_told(copy):
    (copy / "vendor/qr.js").unlink()
    (copy / "spy.js").write_text("export {};\n")

    wrong = await wrong_ones(read_client(copy))

    assert wrong["/client/spy.js"] == "extra"
    assert wrong["/client/vendor/qr.js"] == "missing"


async def test_what_a_page_loads_from_elsewhere_is_told_and_not_asked_for(copy):
    page = copy / "index.html"
    elsewhere = "https://spy.invalid/x.js"
    page.write_text(page.read_text() + f'<script src="{elsewhere}"></script>')

    wrong = await wrong_ones(read_client(copy))

    assert wrong == {"/": "DIFFERENT", elsewhere: "extra"}


async def test_another_policy_for_the_same_page_is_told():
    loose = replace(built_in(), inline_hashes=("unsafe-inline",))

    assert await wrong_ones(loose) == {POLICY: "DIFFERENT"}


# --- a proxy that changes something on the way ---


@asynccontextmanager
async def proxied(path, change=lambda headers: None, body=None):
    """The address of this checkout behind a proxy that changes headers, or all, of one path."""

    async def relay(request):
        headers = {name: request.headers[name] for name in ("Accept", "Accept-Encoding")}
        async with http.get(request.path, headers=headers) as answer:
            told = CIMultiDict(answer.headers)
            said = await answer.read()
        if request.path == path:
            change(told)
            if body is not None:
                said = body
                for name in ("Content-Encoding", "Content-Length"):
                    told.popall(name, None)
        return web.Response(status=answer.status, headers=told, body=said)

    async with (
        running() as server,
        aiohttp.ClientSession(server.url, auto_decompress=False) as http,
        TestServer(_app_of(relay)) as proxy,
    ):
        yield str(proxy.make_url("/"))


def _app_of(handler):
    app = web.Application()
    app.router.add_get("/{path:.*}", handler)
    return app


def put(name, value):
    """Have that header once, or not at all."""

    def change(headers):
        headers.popall(name, None)
        if value is not None:
            headers[name] = value

    return change


@pytest.mark.parametrize("path", ["/", NOBLE])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Refresh", "0; url=/phish"),
        ("Link", "<https://spy.invalid/x.css>; rel=stylesheet"),
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Type", "text/html; charset=utf-7"),
        ("Content-Type", "text/javascript"),
    ],
)
async def test_a_header_that_makes_something_else_of_the_same_bytes_is_told(path, name, value):
    async with proxied(path, put(name, value)) as url:
        assert await wrong_at(url) == {path: "HEADERS"}


async def test_a_changed_file_of_the_documentation_is_told():
    async with proxied(SWAGGER, body=b"steal(localStorage)") as url:
        assert await wrong_at(url) == {SWAGGER: "DIFFERENT"}


async def test_a_page_of_the_documentation_that_names_more_is_told():
    page = built_in_pages().pages["redoc"].plain.body + b'<script src="docs/spy.js"></script>'
    async with proxied("/redoc", body=page) as url:
        assert await wrong_at(url) == {"/redoc": "DIFFERENT", "/docs/spy.js": "extra"}


async def test_a_page_of_the_documentation_under_another_policy_is_told():
    async with proxied("/docs", put("Content-Security-Policy", "default-src *")) as url:
        assert await wrong_at(url) == {"(Content-Security-Policy of /docs)": "DIFFERENT"}


@pytest.mark.parametrize(
    ("policy", "value", "verdict"),
    [
        ("Integrity-Policy", None, "missing"),
        ("Integrity-Policy", "blocked-destinations=()", "DIFFERENT"),
        ("Cross-Origin-Embedder-Policy", "unsafe-none", "DIFFERENT"),
        ("Content-Security-Policy", None, "missing"),
        ("Content-Security-Policy", "default-src 'self'", "DIFFERENT"),
    ],
)
async def test_a_page_under_other_policies_is_told(policy, value, verdict):
    async with proxied("/", put(policy, value)) as url:
        assert await wrong_at(url) == {f"({policy})": verdict}


async def test_a_proxy_may_forbid_more_and_tell_of_itself():
    def change(headers):
        headers.add("Content-Security-Policy", "img-src 'none'")
        headers.add("Via", "1.1 proxy")

    async with proxied("/", change) as url:
        assert await wrong_at(url) == {}


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "chat.example", "ftp://chat.example"])
async def test_a_server_that_cannot_be_asked_is_no_success(url):
    assert await verify(url) == (2, {})
