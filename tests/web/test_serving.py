"""What browsers get at `/` and under `/client/`, from whichever page they come."""

import base64
import gzip
import hashlib
import json
import re
from html.parser import HTMLParser

import aiohttp
import pytest

from server.transports.web_files import built_in, read_client
from tests.servers import running
from tests.transports.wire import exchange, head
from tests.web.conftest import MODULES, WEB

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
FOREIGN = "https://foreign.example"
NOBLE = "/client/vendor/noble.js"


@pytest.fixture
async def http(server):
    """Like a browser, but shows what was sent, without unpacking it."""
    async with aiohttp.ClientSession(server.url, auto_decompress=False) as session:
        yield session


async def get(http, path, **headers):
    """The answer and its body; `headers` with _ for -."""
    named = {"Accept-Encoding": "identity"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    async with http.get(path, headers=named, allow_redirects=False) as response:
        return response, await response.read()


def lasting(response):
    """The headers that do not differ from one answer to the next."""
    named = {name.lower(): value for name, value in response.headers.items()}
    return {name: value for name, value in named.items() if name not in ("date", "x-request-id")}


def own_files():
    files = (path for path in WEB.rglob("*") if path.is_file())
    return sorted(str(path.relative_to(WEB)) for path in files)


# --- files ---


async def test_every_file_of_the_client_is_served_as_it_is_in_the_checkout(http):
    expected = {path for path in own_files() if not path.endswith((".d.ts", ".html"))}

    assert set(built_in().files) == expected
    for path in expected:
        response, body = await get(http, f"/client/{path}")
        assert (response.status, body) == (200, (WEB / path).read_bytes())


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("vendor/noble.js", "text/javascript; charset=utf-8"),
        ("page.css", "text/css; charset=utf-8"),
        ("icon.svg", "image/svg+xml"),
        ("vendor/MANIFEST.json", "application/json"),
        ("vendor/LICENSES.txt", "text/plain; charset=utf-8"),
    ],
)
async def test_a_file_has_the_type_of_its_name_and_no_other(client_folder, path, content_type):
    async with (
        running(None, read_client(client_folder)) as server,
        aiohttp.ClientSession(server.url) as http,
    ):
        response, _ = await get(http, f"/client/{path}")

    assert response.headers["Content-Type"] == content_type
    assert response.headers["X-Content-Type-Options"] == "nosniff"


HIDDEN = [
    "",
    "index.html",
    "vendor",
    "vendor/",
    "vendor/noble.d.ts",
    "secret.py",
    ".hidden.js",
    ".git/config.json",
    "../app.py",
    "..%2Fapp.py",
    "%2e%2e/app.py",
    "vendor/../../app.py",
    "vendor/../page.css",
    "./page.css",
    "/page.css",
    "%2Fetc%2Fpasswd",
    "page.css%00",
    "page.css/",
    "PAGE.CSS",
    "..\\app.py",
]


@pytest.fixture
def folder_with_more(client_folder):
    (client_folder / ".git").mkdir()
    for name in (".git/config.json", ".hidden.js", "secret.py"):
        (client_folder / name).write_text("secret")
    (client_folder.parent / "app.py").write_text("secret")
    return client_folder


async def test_nothing_but_the_files_of_the_client_is_to_be_had(folder_with_more):
    async with running(None, read_client(folder_with_more)) as server:
        for path in HIDDEN:
            # Raw, since clients tidy such paths before they send them.
            reply = await exchange(server.url, head("GET", f"/client/{path}"))

            assert reply.status in (400, 404), path
            assert reply.headers["content-type"].startswith("application/problem+json")
            assert reply.json["success"] is False
            assert b"secret" not in reply.body


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
async def test_files_can_only_be_read(http, method):
    async with http.request(method, NOBLE) as response:
        assert response.status == 405
        assert set(response.headers["Allow"].split(", ")) == {"GET", "HEAD"}


# --- bytes that need not be sent ---


@pytest.mark.parametrize("path", ["/", NOBLE])
@pytest.mark.parametrize("accepted", ["gzip", "gzip, deflate, br, zstd", "br;q=1, GZIP;q=0.5"])
async def test_who_takes_gzip_gets_less_and_unpacks_the_same(http, path, accepted):
    _, plain = await get(http, path, **BROWSER)
    response, packed = await get(http, path, Accept_Encoding=accepted, **BROWSER)

    assert response.headers["Content-Encoding"] == "gzip"
    assert len(packed) < len(plain)
    assert gzip.decompress(packed) == plain


@pytest.mark.parametrize("accepted", ["", "identity", "br", "gzip;q=0", "gzip; q=0.000", "x-gzips"])
async def test_who_does_not_take_gzip_gets_it_plain(http, accepted):
    response, body = await get(http, NOBLE, Accept_Encoding=accepted)

    assert "Content-Encoding" not in response.headers
    assert body == (WEB / "vendor/noble.js").read_bytes()
    assert response.headers["Vary"] == "Accept-Encoding"


async def test_what_gzip_makes_no_smaller_is_sent_as_it_is(client_folder):
    async with (
        running(None, read_client(client_folder)) as server,
        aiohttp.ClientSession(server.url) as http,
    ):
        response, _ = await get(http, "/client/three.js", Accept_Encoding="gzip")

    assert "Content-Encoding" not in response.headers


@pytest.mark.parametrize("coding", ["identity", "gzip"])
async def test_a_browser_that_has_the_file_is_only_told_so(http, coding):
    first, _ = await get(http, NOBLE, Accept_Encoding=coding)
    etag = first.headers["ETag"]
    for known in (etag, f'"other", {etag}', f"W/{etag}", "*"):
        again, body = await get(http, NOBLE, Accept_Encoding=coding, If_None_Match=known)

        assert (again.status, body) == (304, b""), known
        for name in ("ETag", "Vary", "Cache-Control", "Access-Control-Allow-Origin"):
            assert again.headers[name] == first.headers[name]

    assert first.headers["Cache-Control"] == "no-cache"
    assert re.fullmatch(r'"[0-9a-f]{64}"', etag)


@pytest.mark.parametrize("known", ['"other"', "nonsense", "", '"'])
async def test_a_browser_that_has_another_version_gets_the_file(http, known):
    response, body = await get(http, NOBLE, If_None_Match=known)

    assert (response.status, len(body)) == (200, (WEB / "vendor/noble.js").stat().st_size)


async def test_the_packed_form_is_not_taken_for_the_plain_one(http):
    plain, _ = await get(http, NOBLE)
    packed, _ = await get(http, NOBLE, Accept_Encoding="gzip")

    assert plain.headers["ETag"] != packed.headers["ETag"]


@pytest.mark.parametrize("path", ["/", NOBLE])
async def test_a_head_is_the_head_of_the_same_answer(http, path):
    response, _ = await get(http, path, **BROWSER)

    async with http.head(path, headers={"Accept-Encoding": "identity", **BROWSER}) as bare:
        assert lasting(bare) == lasting(response)
        assert await bare.read() == b""


# --- pages elsewhere ---


@pytest.mark.parametrize("origin", [FOREIGN, "null", "", "http://localhost:5173"])
async def test_a_page_of_any_origin_may_load_the_client_library(http, origin):
    for path, status in ((NOBLE, 200), ("/client/none.js", 404)):
        response, _ = await get(http, path, Origin=origin)

        assert response.status == status
        assert response.headers["Access-Control-Allow-Origin"] == "*"
        assert response.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
        assert "Access-Control-Allow-Credentials" not in response.headers


async def test_the_same_file_is_answered_alike_to_everybody(http):
    # Else a cache would have to keep one for each origin.
    nobody, *pages = [
        await get(http, NOBLE),
        await get(http, NOBLE, Origin=FOREIGN),
        await get(http, NOBLE, Origin="http://localhost:5173"),
    ]

    for response, body in pages:
        assert (lasting(response), body) == (lasting(nobody[0]), nobody[1])


@pytest.mark.parametrize("path", ["/", "/health", "/client", "/clients/x.js", "/socket.io/"])
async def test_a_page_of_a_strange_origin_may_load_nothing_else(http, path):
    response, body = await get(http, path, Origin=FOREIGN, **BROWSER)

    assert response.status == 403
    assert json.loads(body)["code"] == "origin_refused"
    assert "Access-Control-Allow-Origin" not in response.headers
    assert response.headers["Cross-Origin-Resource-Policy"] == "same-origin"


@pytest.mark.parametrize("method", ["POST", "OPTIONS"])
async def test_a_strange_page_may_only_read_the_files(http, method):
    async with http.request(method, NOBLE, headers={"Origin": FOREIGN}) as response:
        assert response.status == 403


async def test_no_file_is_a_way_to_a_websocket(server):
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Origin": FOREIGN}

    reply = await exchange(server.url, head("GET", NOBLE, upgrade))

    assert reply.status == 200
    assert reply.body == (WEB / "vendor/noble.js").read_bytes()


# --- the page ---


class Tags(HTMLParser):
    """Every start tag of a page with its attributes, and the texts of its inline scripts."""

    def __init__(self, page):
        super().__init__()
        self.found = []
        self.inline = []
        self._is_inline = False
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.found.append((tag, attributes))
        self._is_inline = tag == "script" and "src" not in attributes

    def handle_endtag(self, tag):
        self._is_inline = False

    def handle_data(self, data):
        if self._is_inline:
            self.inline.append(data)

    def all(self, tag, **wanted):
        return [
            attributes
            for found, attributes in self.found
            if found == tag and wanted.items() <= attributes.items()
        ]


def sri(body):
    return f"sha384-{base64.b64encode(hashlib.sha384(body).digest()).decode()}"


@pytest.fixture
async def small_page(client_folder):
    """The page of a small client, and its headers."""
    async with (
        running(None, read_client(client_folder)) as server,
        aiohttp.ClientSession(server.url) as http,
    ):
        response, body = await get(http, "/", **BROWSER)
        return Tags(body.decode()), response.headers


async def test_the_page_names_the_hash_of_its_scripts_and_styles(small_page, client_folder):
    tags, _ = small_page

    (script,) = tags.all("script", src="client/main.js")
    (style,) = tags.all("link", rel="stylesheet")
    assert script["integrity"] == sri((client_folder / "main.js").read_bytes())
    assert style["integrity"] == sri((client_folder / "page.css").read_bytes())


async def test_the_page_preloads_all_that_it_needs_at_once_and_no_more(small_page, client_folder):
    tags, _ = small_page

    preloaded = {one["href"]: one["integrity"] for one in tags.all("link", rel="modulepreload")}
    assert preloaded == {
        f"client/{name}": sri((client_folder / name).read_bytes())
        for name in ("parts/two.js", "three.js")
    }


async def test_the_import_map_has_the_hash_of_every_module(small_page, client_folder):
    tags, _ = small_page

    modules = [*MODULES, *(f"vendor/{path.name}" for path in (WEB / "vendor").glob("*.js"))]
    assert json.loads(tags.inline[0]) == {
        "integrity": {
            f"./client/{name}": sri((client_folder / name).read_bytes()) for name in modules
        }
    }


async def test_the_import_map_comes_before_whatever_it_is_for(small_page):
    tags, _ = small_page

    scripts = [
        attributes.get("type") if tag == "script" else attributes["rel"]
        for tag, attributes in tags.found
        if tag == "script" or attributes.get("rel") == "modulepreload"
    ]
    assert scripts == ["importmap", "modulepreload", "modulepreload", "module"]


def directives(headers):
    parts = (one.split() for one in headers["Content-Security-Policy"].split("; "))
    return {name: set(values) for name, *values in parts}


async def test_the_policy_of_the_page_is_closed_but_for_what_it_uses(small_page):
    tags, headers = small_page

    digest = base64.b64encode(hashlib.sha256(tags.inline[0].encode()).digest()).decode()
    assert len(tags.inline) == 1
    assert directives(headers) == {
        "default-src": {"'none'"},
        "script-src": {"'self'", f"'sha256-{digest}'"},
        "style-src": {"'self'"},
        "img-src": {"'self'", "blob:"},
        "connect-src": {"'self'"},
        "base-uri": {"'none'"},
        "form-action": {"'none'"},
        "frame-ancestors": {"'none'"},
        "require-trusted-types-for": {"'script'"},
        "trusted-types": {"'none'"},
    }


async def test_the_page_is_alone_tells_nobody_and_is_not_kept(http):
    headers = (await get(http, "/", **BROWSER))[0].headers

    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cross-Origin-Embedder-Policy"] == "require-corp"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Integrity-Policy"] == "blocked-destinations=(script)"
    assert "clipboard-write=(self)" in headers["Permissions-Policy"]
    assert {"camera=()", "microphone=()", "geolocation=()"} <= set(
        headers["Permissions-Policy"].split(", ")
    )


async def test_all_that_the_built_in_page_loads_is_ours_and_has_its_hash(http):
    _, body = await get(http, "/", **BROWSER)
    tags = Tags(body.decode())

    loaded = [
        attributes
        for tag, attributes in tags.found
        if tag in ("link", "script", "img") and attributes.keys() & {"src", "href"}
    ]
    for one in loaded:
        address = one.get("src") or one["href"]
        path = address.removeprefix("client/")
        assert path in built_in().files, address
        if path.endswith((".css", ".js")):
            assert one["integrity"] == sri((WEB / path).read_bytes())
    assert not [tag for tag, attributes in tags.found if {"style", "onclick"} & attributes.keys()]


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("index.html", "<html></html>", "needs <!-- modules --> once"),
        ("main.js", 'import "./gone.js";\n', "main.js names gone.js, which is not there"),
        ("three.js", 'export * from "../out.js";\n', "three.js names ../out.js"),
        ("main.js", 'import {\n  a,\n  b as c,\n} from "./parts/gone.js";\n', "parts/gone.js"),
        (
            "index.html",
            '<!-- modules --><script src="client/gone.js"></script>',
            "index.html names gone.js",
        ),
    ],
)
def test_a_client_that_lacks_a_file_is_not_served(client_folder, name, text, complaint):
    (client_folder / name).write_text(text)

    with pytest.raises(ValueError, match=re.escape(complaint)):
        read_client(client_folder)
