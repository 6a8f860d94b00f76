"""The browser's library and the Python client in one session, through a real server."""

import asyncio
import hashlib
from base64 import b64encode

import pytest

from scripts.demo_parts.person import Person
from scripts.demo_parts.protocol.chunks import seal_file
from scripts.demo_parts.protocol.contents import File, Text
from scripts.demo_parts.protocol.identity import new_identity
from scripts.demo_parts.protocol.link import new_link, read_link
from scripts.demo_parts.protocol.packing import to_text
from tests.clocks import LIMIT_S
from tests.servers import running, until
from tests.web.protocol.browser import browsing
from tests.web.protocol.demo import demonstrating

FILE = b"".join(bytes([at % 251]) * 1_000 for at in range(300))


@pytest.fixture
async def server():
    async with running() as one:
        yield one


@pytest.fixture
async def browser():
    async with browsing() as one:
        yield one


@pytest.fixture
async def pythons(server):
    """Makes people who use the Python client, and ends their connections."""
    made = []

    async def join(link, identity=None, name="Pia", **more):
        person = Person(server.url, link, identity or new_identity(), name)
        made.append(person)
        await person.connect("websocket")
        await person.join(**more)
        return person

    yield join
    for person in made:
        await person.disconnect()


@pytest.fixture
async def ann_and_pia(server, browser, pythons):
    """Ann in Node has made a session, and Pia in Python has come by its link; both know it."""
    ann = await browser.ask("ann", "create", {"url": server.url, "name": "Ann"})
    await browser.connected("ann")
    pia = await pythons(read_link(ann["fragment"]))
    await knows(browser, "ann", "Pia")
    return ann["id"], pia


@pytest.fixture
async def pia_and_ann(server, browser, pythons):
    """The other way round: Pia is the creator."""
    return await pia_with(server, browser, pythons, shares_history=False)


async def pia_with(server, browser, pythons, shares_history):
    identity = new_identity()
    link = new_link(identity.member_id, shares_history)
    pia = await pythons(link, identity, isCreator=True)
    if shares_history:
        await pia.send(Text("before your time"))
    ann = await browser.ask("ann", "open", link.fragment, {"url": server.url, "name": "Ann"})
    await browser.connected("ann")
    await pia.line.until(pia.member.roster.others, "Ann")
    return pia, ann["id"]


async def knows(browser, name, other):
    """Wait until somebody in Node has seen another one's card."""
    async with asyncio.timeout(LIMIT_S):
        while other not in [one["name"] for one in await browser.ask(name, "people")]:
            await asyncio.sleep(0.005)


def saying(text):
    return lambda entry: isinstance(entry.content, Text) and entry.content.text == text


def said(text, status="received"):
    return lambda entry: (
        (entry.get("content") or {}).get("text") == text and entry.get("status") == status
    )


def offering(name):
    return lambda entry: ((entry.get("content") or {}).get("file") or {}).get("name") == name


def alarms(browser, name):
    """What the library shows of a relay that cheats."""
    usual = {"arrived", "left", "lost", "removed"}
    notices = [one for one in browser.told(name, "entry") if one["type"] == "notice"]
    return [one for one in notices if one["code"] not in usual]


async def test_texts_go_both_ways_to_all_and_to_one(browser, ann_and_pia):
    ann_id, pia = ann_and_pia

    for private in (None, True):
        await browser.ask("ann", "sendText", f"from Ann {private}", private and pia.user_id)
        heard = await pia.receive(saying(f"from Ann {private}"))
        assert (heard.sender, heard.status, heard.is_late) == (ann_id, "received", False)
        assert heard.to == (private and pia.user_id)
        await pia.send(Text(f"from Pia {private}"), private and ann_id)
        entry = await browser.entry("ann", said(f"from Pia {private}"))
        assert (entry["senderId"], entry["audience"]) == (pia.user_id, private and ann_id)

    number = await browser.ask("ann", "safetyNumber", pia.user_id)
    assert pia.member.safety_number(ann_id) == number
    assert alarms(browser, "ann") == []
    assert pia.member.inbox.notices == []


async def test_files_go_both_ways(browser, ann_and_pia):
    ann_id, pia = ann_and_pia

    await browser.ask("ann", "sendFile", "a ❤.txt", b64encode(FILE).decode())
    entry = await pia.receive(lambda entry: isinstance(entry.content, File))
    assert entry.content.note.name == "a ❤.txt"
    assert await pia.fetch(entry.content.note.file_id) == FILE
    told = {"fileId": to_text(entry.content.note.file_id), "memberId": pia.user_id}
    await until(lambda: browser.told("ann", "downloaded") == [told], LIMIT_S)

    note, sealed = seal_file("b.txt", FILE[::-1], 50_000)
    pia.member.files.offer(note, sealed)
    await pia.send(File(note), ann_id)
    await browser.entry("ann", offering("b.txt"))
    digest = await browser.ask("ann", "fetchFile", to_text(note.file_id))
    assert digest == hashlib.sha256(FILE[::-1]).hexdigest()
    await pia.line.hear("download-notification", lambda one: one["downloadedBy"] == ann_id)


async def test_who_was_removed_by_the_browser_reads_no_more(browser, ann_and_pia, pythons):
    ann_id, pia = ann_and_pia
    quentin = await pythons(pia.member.link, name="Quentin")
    await knows(browser, "ann", "Quentin")

    await pia.send(Text("while it may"))
    await browser.entry("ann", said("while it may"))
    await browser.ask("ann", "remove", pia.user_id)
    await browser.ask("ann", "sendText", "without Pia")
    heard = await quentin.receive(saying("without Pia"))

    assert heard.sender == ann_id
    assert quentin.member.roster.is_removed(pia.user_id)
    epoch = quentin.member.keyring.known.keys() - pia.member.keyring.known.keys()
    assert epoch
    assert not [entry for entry in pia.member.inbox.entries if saying("without Pia")(entry)]


async def test_who_was_removed_by_python_reads_no_more(browser, pia_and_ann):
    pia, ann_id = pia_and_ann

    await browser.ask("ann", "sendText", "while it may")
    await pia.receive(saying("while it may"))
    await pia.remove(ann_id)
    ended = lambda: browser.told("ann", "state")[-1]  # noqa: E731
    await until(lambda: ended() == {"state": "ended", "reason": "removed"}, LIMIT_S)
    await pia.send(Text("without Ann"))

    assert pia.member.roster.recipients(b"") == [pia.member.roster.card_of(pia.user_id)]
    # What it had said before stays good.
    kept = [entry.status for entry in pia.member.inbox.entries if entry.sender == ann_id]
    assert kept == ["received"]


async def test_both_come_back_to_exactly_what_they_missed(server, browser, ann_and_pia):
    ann_id, pia = ann_and_pia
    await browser.ask("ann", "sendText", "one")
    await pia.receive(saying("one"))
    await pia.send(Text("two"))
    await browser.entry("ann", said("two"))

    await pia.lose_connection()
    await browser.ask("ann", "sendText", "three")
    await browser.ask("ann", "sendText", "four", pia.user_id)
    await browser.entry("ann", said("four", "sent"))
    await pia.connect("websocket")
    joined = await pia.join()
    await pia.receive(saying("four"))
    await browser.ask("ann", "reload", server.url)
    await browser.connected("ann", times=2)
    await pia.send(Text("five"))
    await browser.entry("ann", said("five"))
    await browser.ask("ann", "sendText", "six")
    await pia.receive(saying("six"))

    assert len(joined["messages"]) == 2
    texts = [entry.content.text for entry in pia.member.inbox.entries if entry.sender == ann_id]
    assert texts == ["one", "three", "four", "six"]
    assert pia.member.inbox.notices == []
    assert alarms(browser, "ann") == []


async def test_a_python_creator_who_never_heard_the_answer_is_still_the_creator(pythons):
    identity = new_identity()
    pia = await pythons(new_link(identity.member_id), identity, isCreator=True)
    await pia.lose_connection()
    pia.member_token = ""  # as if the answer had not come

    await pia.connect("websocket")
    joined = await pia.join(isCreator=True)

    assert joined["isCreator"]
    await pia.ask("lock-session", locked=True)


async def test_a_newcomer_is_given_keys_where_history_is_shared(server, browser, pythons):
    pia, _ = await pia_with(server, browser, pythons, shares_history=True)
    await browser.entry("ann", said("before your time"))
    await browser.ask("ann", "sendText", "before yours too")
    await pia.receive(saying("before yours too"))
    await pia.ask("leave-session")

    # Pia's card is not among those who are there: it comes with the key, of Ann.
    quentin = await pythons(pia.member.link, name="Quentin")

    heard = await quentin.receive(saying("before your time"))
    assert (heard.sender, heard.status) == (pia.user_id, "received")
    assert (await quentin.receive(saying("before yours too"))).status == "received"
    assert quentin.member.roster.name_of(pia.user_id) == "Pia"


async def test_a_newcomer_reads_nothing_of_before_where_it_is_not(browser, ann_and_pia, pythons):
    _, pia = ann_and_pia
    sent = await pia.send(Text("before your time"))

    quentin = await pythons(pia.member.link, name="Quentin")
    before = await quentin.receive(lambda entry: entry.status == "unreadable")
    await pia.line.until(lambda: len(pia.member.roster.others()) == 2, "Quentin")
    await pia.send(Text("welcome"))

    assert (before.message_id, before.reason) == (sent.head.message_id, "no-key")
    assert (await quentin.receive(saying("welcome"))).status == "received"
    assert quentin.member.inbox.notices == []


async def test_the_demo_joins_a_session_of_a_browser_and_talks(server, browser, tmp_path):
    ann = await browser.ask("ann", "create", {"url": server.url, "name": "Ann"})
    await browser.connected("ann")
    offered = tmp_path / "offered.txt"
    offered.write_bytes(FILE)
    (tmp_path / "files").mkdir()

    arguments = ("--link", f"{server.url}/#{ann['fragment']}", "--name", "Pia")
    async with demonstrating(*arguments, "--files", tmp_path / "files") as demo:
        await knows(browser, "ann", "Pia")
        assert demo.stdin
        demo.stdin.write(f"hello Ann\n@Ann only you\n@Bob who?\n/file {offered}\n".encode())
        await browser.entry("ann", said("hello Ann"))
        private = await browser.entry("ann", said("only you"))
        shown = await browser.entry("ann", offering("offered.txt"))
        digest = await browser.ask("ann", "fetchFile", shown["content"]["file"]["id"])
        await browser.ask("ann", "sendText", "hello \x1b[2J Pia")
        await browser.ask("ann", "sendFile", "../evil", b64encode(FILE).decode())
        await until(lambda: len(browser.told("ann", "downloaded")) == 1, LIMIT_S)
        demo.stdin.write(b"/leave\n")
        output, _ = await demo.communicate()

        assert private["audience"] == ann["id"]
        assert digest == hashlib.sha256(FILE).hexdigest()
        assert demo.returncode == 0
        lines = output.decode().splitlines()
        assert "Ann: hello  [2J Pia" in lines
        assert "! not sent: nobody here is called Bob" in lines
        assert [path.read_bytes() for path in (tmp_path / "files").iterdir()] == [FILE]
