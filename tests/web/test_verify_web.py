"""`scripts/verify-web` against servers that serve this checkout, and others that do not."""

import asyncio
import hashlib
import re
import shutil
import sys

import pytest
from msgspec.structs import replace

from server.transports.web_files import built_in, read_client
from tests.servers import running
from tests.web.conftest import WEB

SCRIPT = WEB.parents[1] / "scripts/verify-web"
NOBLE = "/client/vendor/noble.js"
POLICY = "(content security policy)"


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


async def wrong_ones(client):
    """What is said to be not the same."""
    async with running(None, client) as server:
        status, rows = await verify(server.url)
    assert status == 1
    return {path: verdict for path, (_, verdict) in rows.items() if verdict != "same"}


@pytest.fixture
def copy(tmp_path):
    """A copy of the client of this checkout."""
    return shutil.copytree(WEB, tmp_path / "web")


async def test_a_server_of_this_checkout_is_the_same_in_every_file(server):
    status, rows = await verify(f"{server.url}/?a=b#secret")

    client = built_in()
    bodies = {f"/client/{path}": file.plain.body for path, file in client.files.items()}
    bodies["/"] = client.page.plain.body
    assert status == 0
    assert rows.keys() == {POLICY, *bodies}
    for path, body in bodies.items():
        assert rows[path] == (hashlib.sha256(body).hexdigest(), "same")


async def test_a_changed_module_is_told_although_the_page_is_as_it_was():
    client = built_in()
    noble = client.files["vendor/noble.js"]
    changed = replace(noble.plain, body=noble.plain.body.replace(b"32", b"31"))
    file = replace(noble, plain=changed, gzipped=None)

    wrong = await wrong_ones(replace(client, files={**client.files, "vendor/noble.js": file}))

    assert wrong == {NOBLE: "DIFFERENT"}


async def test_a_change_that_only_browsers_which_take_gzip_get_is_told():
    client = built_in()
    noble = client.files["vendor/noble.js"]
    file = replace(noble, gzipped=client.files["vendor/qr.js"].gzipped)

    wrong = await wrong_ones(replace(client, files={**client.files, "vendor/noble.js": file}))

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


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "chat.example", "ftp://chat.example"])
async def test_a_server_that_cannot_be_asked_is_no_success(url):
    assert await verify(url) == (2, {})
