"""Files over HTTP: what comes is what was sent; what goes is whole, or the range, or cut off."""

import random
from contextlib import AsyncExitStack, suppress
from io import BytesIO

import jwt
import pytest
from aiohttp import ClientPayloadError, ClientSession, FormData

from server.core.errors import AppError, Code
from server.core.limits import Bounds
from server.transports import streams
from server.transports.openapi import document
from tests.clocks import ManualClock
from tests.servers import running_nodes
from tests.transports.depot import CONTENT, Depot
from tests.transports.wire import connected, exchange, head, read_reply

JWT_SECRET = "secret-of-tokens-0123456789abcdef"

SIZE = len(CONTENT)


@pytest.fixture
def depot():
    return Depot()


@pytest.fixture
async def server(depot):
    settings = {"JWT_SECRET": JWT_SECRET, "CLIENT_URL": "https://app.example"}
    async with running_nodes(1, settings, None, apis=depot.apis) as running:
        yield running


def bearer_of(name="alice"):
    token = jwt.encode({"sub": name}, JWT_SECRET, algorithm="HS256")
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
async def http(server):
    async with ClientSession(server.url, headers=bearer_of()) as session:
        yield session


async def sent(http, name="new", **options):
    async with http.post(f"/depot/{name}", **options) as response:
        return response.status, await response.json(content_type=None)


# --- up ---


@pytest.mark.parametrize("size_bytes", [1, 65_535, 65_536, 65_537, 3_000_000])
async def test_a_body_comes_as_it_was_sent(http, depot, size_bytes):
    content = random.Random(size_bytes).randbytes(size_bytes)
    typed = {"Content-Type": "text/x-odd"}
    status, told = await sent(http, data=BytesIO(content), headers=typed)
    assert (status, told["size"], told["said"]) == (200, size_bytes, size_bytes)
    assert (told["type"], told["name"]) == ("text/x-odd", None)
    assert depot.files["new"] == content


async def test_a_body_of_unknown_length_comes_too(http, depot):
    async def pieces():
        for number in range(5):
            yield bytes([number]) * 40_000

    status, told = await sent(http, data=pieces())
    assert (status, told["size"], told["said"]) == (200, 200_000, None)
    assert depot.files["new"] == b"".join([bytes([number]) * 40_000 for number in range(5)])


async def test_a_file_of_no_bytes_is_one(http, depot):
    status, told = await sent(http, data=b"", headers={"Content-Length": "0"})
    assert (status, told["size"]) == (200, 0)


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("a.txt", "a.txt"),
        ("na%C3%AFve%20file.txt", "naïve file.txt"),
        ("%2Fetc%2Fx", "/etc/x"),
        ("", None),
    ],
)
async def test_its_name_comes_percent_encoded(http, written, name):
    _, told = await sent(http, data=b"abc", headers={"X-File-Name": written})
    assert told["name"] == name


async def test_a_name_that_is_not_utf8_is_refused(http):
    status, told = await sent(http, data=b"abc", headers={"X-File-Name": "%ff"})
    assert (status, told["code"]) == (400, "invalid_request")
    assert "X-File-Name" in told["detail"]


FORM_TYPE = {"Content-Type": "multipart/form-data; boundary=xYz"}

FORM = b"".join(
    [
        b'--xYz\r\nContent-Disposition: form-data; name="caption"\r\n\r\nnot this one\r\n',
        '--xYz\r\nContent-Disposition: form-data; name="file"; filename="naïve.png"\r\n'.encode(),
        b"Content-Type: image/png\r\n\r\n" + CONTENT + b"\r\n",
        b'--xYz\r\nContent-Disposition: form-data; name="b"; filename="b"\r\n\r\nnor this\r\n',
        b"--xYz--\r\n",
    ]
)
"""As browsers write it."""


async def test_of_a_form_the_first_file_comes(http, depot):
    status, told = await sent(http, data=FORM, headers=FORM_TYPE)
    assert (status, told["name"], told["type"]) == (200, "naïve.png", "image/png")
    assert told["said"] > told["size"] == SIZE
    assert depot.files["new"] == CONTENT


async def test_a_form_without_a_file_is_refused(http):
    form = FormData({"caption": "abc"}, default_to_multipart=True)
    status, told = await sent(http, data=form)
    assert (status, told["code"]) == (400, "invalid_request")


BROKEN_FORMS = {
    "no boundary": ("multipart/form-data", FORM),
    "another boundary": ("multipart/form-data; boundary=other", FORM),
    "cut off": (FORM_TYPE["Content-Type"], FORM[: SIZE // 2]),
    "nothing": (FORM_TYPE["Content-Type"], b""),
    "no form at all": (FORM_TYPE["Content-Type"], b"abc"),
    "a name that is not UTF-8": (FORM_TYPE["Content-Type"], FORM.replace(b"na\xc3\xafve", b"\xff")),
    "a file that is compressed": (
        FORM_TYPE["Content-Type"],
        FORM.replace(b"image/png", b"image/png\r\nContent-Encoding: gzip"),
    ),
}


@pytest.mark.parametrize(("kind", "form"), BROKEN_FORMS.values(), ids=BROKEN_FORMS)
async def test_what_is_no_whole_form_is_refused(http, depot, kind, form):
    status, told = await sent(http, data=form, headers={"Content-Type": kind})
    assert (status, told["code"]) in [(400, "invalid_request"), (415, "unsupported_media_type")]
    assert "new" not in depot.files


@pytest.mark.parametrize("coding", ["gzip", "br", "deflate, gzip"])
async def test_what_is_compressed_on_the_way_is_refused(server, coding):
    headers = {**bearer_of(), "Content-Length": "3", "Content-Encoding": coding}
    reply = await exchange(server.url, head("POST", "/depot/new", headers) + b"abc")
    assert reply.status == 415


async def test_an_upload_that_is_cut_off_is_no_file(server, depot):
    headers = {**bearer_of(), "Content-Length": "1000"}
    async with connected(server.url) as (_, writer):
        writer.write(head("POST", "/depot/new", headers) + b"abc")
        await writer.drain()
    assert (await exchange(server.url, head("GET", "/depot/new", bearer_of()))).status == 404


async def test_an_upload_that_does_not_go_on_is_refused(server, depot, monkeypatch):
    monkeypatch.setattr(streams, "CHUNK_LIMIT_S", 0.1)
    headers = {**bearer_of(), "Content-Length": "1000"}
    reply = await exchange(server.url, head("POST", "/depot/new", headers) + b"abc")
    assert reply.status == 400
    assert "new" not in depot.files


class Sender:
    """Whose next chunk comes so many seconds after the last one."""

    def __init__(self, chunk: bytes, pause_s: float) -> None:
        self.clock = ManualClock()
        self._chunk = chunk
        self.pause_s = pause_s

    async def read(self) -> bytes:
        self.clock.advance(seconds=self.pause_s)
        return self._chunk

    async def sent_within(self, chunks: int) -> int:
        """How many of so many chunks are taken."""
        taken = 0
        with suppress(AppError):
            async for _ in streams.chunks_of(self.read, self.clock):
                taken += 1
                if taken == chunks:
                    break
        return taken


async def test_an_upload_that_drips_is_refused_when_half_a_minute_was_waited_for_it():
    assert await Sender(b"x", 1).sent_within(1_000) == streams.CHUNK_LIMIT_S
    assert await Sender(b"x", streams.CHUNK_LIMIT_S - 1).sent_within(1_000) == 1


async def test_an_upload_may_come_at_the_least_rate_however_long_it_takes():
    enough = b"x" * streams.LEAST_BYTES_PER_S
    assert await Sender(enough, 1).sent_within(10_000) == 10_000
    assert await Sender(enough * 20, 20).sent_within(1_000) == 1_000
    assert await Sender(enough[1:], 1.1).sent_within(10_000) < 400


async def test_what_came_fast_earns_no_more_than_half_a_minute():
    sender = Sender(b"x" * 10_000_000, 0)
    chunks = streams.chunks_of(sender.read, sender.clock)
    for _ in range(100):
        await anext(chunks)
    sender.clock.advance(minutes=60)  # in which nobody reads on: that is no fault of its sender
    await anext(chunks)
    sender.pause_s = streams.CHUNK_LIMIT_S
    with pytest.raises(AppError) as caught:
        await anext(chunks)
    assert caught.value.code is Code.INVALID_REQUEST


async def test_a_form_whose_file_does_not_come_in_time_is_refused(server, depot, monkeypatch):
    monkeypatch.setattr(streams, "CHUNK_LIMIT_S", 0.1)
    form = {"Content-Type": "multipart/form-data; boundary=b", "Content-Length": "1000"}
    begun = b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\nabc'
    reply = await exchange(server.url, head("POST", "/depot/new", {**bearer_of(), **form}) + begun)
    assert (reply.status, "new" in depot.files) == (400, False)


async def test_so_many_files_of_one_user_are_on_their_way_and_no_more(server, http):
    headers = {**bearer_of(), "Content-Length": "4"}
    begun = head("POST", "/depot/new", headers) + b"abc"
    async with AsyncExitStack() as stack:
        lines = [
            await stack.enter_async_context(connected(server.url))
            for _ in range(streams.MAX_USER_UPLOADS)
        ]
        for _, writer in lines:
            writer.write(begun)
        while (
            refused := await exchange(server.url, head("POST", "/depot/x", headers) + b"abcd")
        ).status == 200:
            pass
        assert refused.status == 429
        others = {**bearer_of("bob"), "Content-Length": "4"}
        bobs = await exchange(server.url, head("POST", "/depot/y", others) + b"abcd")
        assert bobs.status == 200

        for reader, writer in lines:
            writer.write(b"d")
            assert (await read_reply(reader)).status == 200
    assert (await sent(http, data=b"abc"))[0] == 200


async def test_whoever_is_nobody_sends_and_fetches_nothing(server):
    async with ClientSession(server.url) as nobody:
        assert (await nobody.post("/depot/new", data=b"abc")).status == 401
        assert (await nobody.get("/depot/file")).status == 401


# --- down ---


async def fetched(http, name="file", method="GET", **headers):
    wanted = {key.replace("_", "-"): value for key, value in headers.items()}
    async with http.request(method, f"/depot/{name}", headers=wanted) as response:
        return response, await response.read()


async def test_a_file_comes_whole_as_an_attachment_that_no_browser_runs(http):
    response, body = await fetched(http)
    assert (response.status, body) == (200, CONTENT)
    told = response.headers
    assert told["Content-Type"] == "application/octet-stream"
    assert told["Content-Disposition"] == "attachment; filename*=UTF-8''a.txt"
    assert told["X-Content-Type-Options"] == "nosniff"
    assert {"default-src 'none'", "sandbox"} <= set(told["Content-Security-Policy"].split("; "))
    assert told["Cross-Origin-Resource-Policy"] == "same-origin"
    assert told["Cache-Control"] == "no-store"
    assert (told["Accept-Ranges"], told["ETag"]) == ("bytes", '"file"')
    assert told["Content-Length"] == str(SIZE)


NAMES = {
    "a line's end": ('x"\r\nSet-Cookie: a=b', "x%22%0D%0ASet-Cookie%3A%20a%3Db"),
    "a path": ("../../etc/passwd", "..%2F..%2Fetc%2Fpasswd"),
    "another script": ("файл.txt", "%D1%84%D0%B0%D0%B9%D0%BB.txt"),
}


@pytest.mark.parametrize(("name", "written"), NAMES.values(), ids=NAMES)
async def test_no_name_leaves_its_place_in_the_head(http, depot, name, written):
    depot.called["file"] = name
    response, _ = await fetched(http)
    assert response.headers["Content-Disposition"] == f"attachment; filename*=UTF-8''{written}"
    assert "Set-Cookie" not in response.headers


async def test_a_file_without_a_name_is_an_attachment_too(http, depot):
    depot.called["file"] = None
    response, _ = await fetched(http)
    assert response.headers["Content-Disposition"] == "attachment"


RANGES = {
    "bytes=0-0": (0, 1),
    "bytes=0-99": (0, 100),
    "bytes=9999-10000": (9999, 10_001),
    "bytes=65535-": (65_535, SIZE),
    "bytes=-1": (SIZE - 1, SIZE),
    f"bytes=-{SIZE - 1}": (1, SIZE),
    f"bytes=5-{SIZE * 2}": (5, SIZE),
    f"bytes=1-{SIZE - 1}": (1, SIZE),
    "Bytes=1-2": (1, 3),
    "bytes=0-": (0, SIZE),
    f"bytes=-{SIZE}": (0, SIZE),
    f"bytes=-{SIZE * 2}": (0, SIZE),
    f"bytes=0-{SIZE - 1}": (0, SIZE),
}


@pytest.mark.parametrize(("wanted", "place"), RANGES.items())
async def test_a_range_is_that_slice(http, wanted, place):
    response, body = await fetched(http, Range=wanted)
    start, end = place
    assert (response.status, body) == (206, CONTENT[start:end])
    assert response.headers["Content-Range"] == f"bytes {start}-{end - 1}/{SIZE}"
    assert response.headers["Content-Length"] == str(end - start)


WHOLE = [
    "bytes=0-1,5-6",
    "bytes=5-1",
    "bytes=",
    "bytes=-",
    "bytes=a-b",
    "lines=0-1",
    "",
    "bytes=" + "9" * 30 + "-",
]


@pytest.mark.parametrize("wanted", WHOLE)
async def test_what_is_no_single_range_is_answered_whole(http, wanted):
    response, body = await fetched(http, Range=wanted)
    assert (response.status, body) == (200, CONTENT)
    assert "Content-Range" not in response.headers


@pytest.mark.parametrize("wanted", [f"bytes={SIZE}-", f"bytes={SIZE + 5}-{SIZE + 9}", "bytes=-0"])
async def test_a_range_that_is_not_there_is_refused(http, wanted):
    response, _ = await fetched(http, Range=wanted)
    assert response.status == 416
    assert response.headers["Content-Range"] == f"bytes */{SIZE}"
    assert (await response.json(content_type=None))["status"] == 416


@pytest.mark.parametrize(
    ("known", "status"), [('"file"', 206), ('"other"', 200), ('W/"file"', 200)]
)
async def test_a_range_of_what_is_another_file_by_now_is_the_whole(http, known, status):
    response, _ = await fetched(http, Range="bytes=0-9", If_Range=known)
    assert response.status == status


async def test_a_file_of_no_bytes_goes_too(http):
    response, body = await fetched(http, "nothing")
    assert (response.status, body) == (200, b"")


@pytest.mark.parametrize(("wanted", "status"), [("", 200), ("bytes=0-9", 206), ("bytes=-0", 416)])
async def test_the_head_alone_says_the_same(http, wanted, status):
    whole, _ = await fetched(http, Range=wanted)
    response, body = await fetched(http, method="HEAD", Range=wanted)
    assert (response.status, body) == (status, b"")
    for name in ("Content-Length", "Content-Type", "ETag", "Content-Range"):
        assert response.headers.get(name) == whole.headers.get(name)


async def test_a_file_that_cannot_be_read_at_all_is_refused_as_anything_else(http, depot):
    depot.breaks_at = 0
    response, _ = await fetched(http)
    assert (response.status, response.content_type) == (503, "application/problem+json")
    assert "Content-Disposition" not in response.headers


async def test_a_file_that_breaks_off_is_cut_off_and_never_taken_for_whole(http, depot):
    depot.breaks_at = 200_000
    with pytest.raises(ClientPayloadError):
        await fetched(http)
    response, _ = await fetched(http, Range="bytes=0-99")
    assert response.status == 206


async def test_pages_of_other_origins_may_send_what_their_libraries_send_unasked(http):
    page = {"Origin": "https://app.example", "Access-Control-Request-Method": "GET"}
    async with http.options("/depot/file", headers=page) as response:
        allowed = response.headers["Access-Control-Allow-Headers"]
    assert {"X-Request-Id", "X-Requested-With"} <= set(allowed.split(", "))


async def test_pages_of_other_origins_that_may_use_the_server_may_ask_for_ranges(http):
    page = {"Origin": "https://app.example", "Access-Control-Request-Method": "GET"}
    async with http.options("/depot/file", headers=page) as response:
        allowed = response.headers["Access-Control-Allow-Headers"]
    assert {"Range", "If-Range", "X-File-Name"} <= set(allowed.split(", "))
    response, _ = await fetched(http, Origin="https://app.example")
    shown = response.headers["Access-Control-Expose-Headers"].split(", ")
    assert {"Content-Disposition", "Content-Range", "ETag"} <= set(shown)


def test_the_documentation_says_that_files_come_and_go(depot):
    paths = document(depot.apis, Bounds())["paths"]["/depot/{name}"]
    up, down = paths["post"], paths["get"]
    assert set(up["requestBody"]["content"]) == {"application/octet-stream", "multipart/form-data"}
    assert up["requestBody"]["required"] is False  # of an empty file there is nothing to send
    assert "X-File-Name" in [one["name"] for one in up["parameters"]]
    for status in ("200", "206"):
        content = down["responses"][status]["content"]["application/octet-stream"]
        assert content["schema"]["format"] == "binary"
    assert "416" in down["responses"]
