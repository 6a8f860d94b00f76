"""Strangers with the browser's library and with the Python client, in one group of a server."""

import asyncio
from pathlib import Path

import pytest

from scripts.demo_parts.line import DemoError
from scripts.demo_parts.protocol.strangers.evidence import check_evidence
from scripts.demo_parts.strangers.verdict import verdict
from scripts.demo_parts.strangers.visitor import Visitor
from tests.clocks import LIMIT_S
from tests.servers import running
from tests.web.protocol.browser import browsing
from tests.web.protocol.demo import demonstrating

TALKER = Path(__file__).with_name("talker.js")
PLACES = 5
"""Groups are of 3 to 10: tests look for one with room for all."""


@pytest.fixture
async def server():
    async with running(RECONNECT_GRACE_S=60) as one:
        yield one


@pytest.fixture
async def browser():
    async with browsing(TALKER) as one:
        yield one


@pytest.fixture
async def pythons(server):
    """Brings people who use the Python client, and ends their connections."""
    made = []

    async def enter(login):
        visitor = await Visitor.enter(server.url, login)
        made.append(visitor)
        await visitor.connect()
        await visitor.meet()
        return visitor

    yield enter
    for visitor in made:
        await visitor.disconnect()


@pytest.fixture
async def ann(server, browser):
    """Somebody in Node, in a group with room; her user id."""
    user = await browser.ask("ann", "enter", {"url": server.url, "login": "Ann"})
    group = await browser.ask("ann", "meet")
    while group["maxMembers"] < PLACES:
        group = await browser.ask("ann", "next")
    return user["id"]


async def knows(browser, name, *logins):
    """Wait until somebody in Node has heard of these people's keys."""
    async with asyncio.timeout(LIMIT_S):
        while True:
            people = await browser.ask(name, "people")
            if set(logins) <= {one["login"] for one in people if one["isHeard"]}:
                return
            await asyncio.sleep(0.01)


async def has_heard_of(visitor, *user_ids):
    people = visitor.member.people.all
    await visitor.line.until(
        lambda: all(one in people and people[one].is_heard for one in user_ids), "keys"
    )


def saying(text):
    return lambda entry: entry.text == text


def said(text):
    return lambda entry: (
        (entry.get("content") or {}).get("text") == text and entry["status"] == "received"
    )


def alarms(browser):
    quiet = ("arrived", "left", "lost")
    told = browser.told("ann", "entry")
    codes = [one["code"] for one in told if one["type"] == "notice" and one["code"] not in quiet]
    return codes + [one["reason"] for one in told if one.get("status") in ("refused", "unreadable")]


def troubles(visitor):
    quiet = ("arrived", "left", "lost")
    entries = visitor.member.inbox.entries
    codes = [one.code for one in visitor.member.notices if one.code not in quiet]
    return codes + [one.reason for one in entries if one.status in ("refused", "unreadable")]


async def test_they_talk_and_see_the_same_numbers(browser, ann, pythons):
    pia, quin = await pythons("Pia"), await pythons("Quin")
    await knows(browser, "ann", "Pia", "Quin")
    await has_heard_of(pia, ann, quin.user_id)
    await browser.ask("ann", "send", "hello from Node")
    await pia.say("hello from Python")

    for one in (pia, quin):
        assert (await one.receive(saying("hello from Node"))).status == "received"
    await browser.entry("ann", said("hello from Python"))
    await quin.receive(saying("hello from Python"))
    everyone, pair = await browser.ask("ann", "numbers", pia.user_id)
    assert everyone == pia.member.group_number() == quin.member.group_number()
    assert pair == pia.member.safety_number(ann)
    assert alarms(browser) == troubles(pia) == troubles(quin) == []


async def test_who_comes_later_or_has_left_reads_nothing_of_the_rest(browser, ann, pythons):
    pia = await pythons("Pia")
    await knows(browser, "ann", "Pia")
    await browser.ask("ann", "send", "before")
    await pia.receive(saying("before"))
    quin = await pythons("Quin")
    await knows(browser, "ann", "Quin")
    await browser.ask("ann", "send", "all three")
    await quin.receive(saying("all three"))
    await pia.receive(saying("all three"))
    left = pia.member
    await pia.leave()
    await quin.line.until(lambda: not quin.member.people.all[pia.user_id].is_present, "leaving")
    await browser.ask("ann", "send", "without Pia")
    await quin.receive(saying("without Pia"))

    assert [one.text for one in quin.member.inbox.entries] == ["all three", "without Pia"]
    # The relay hands her all the same: her keys do not open it.
    for event, data in quin.line.heard:
        if event == "new_message":
            left.hear(event, data)
    assert [one.text for one in left.inbox.entries] == ["before", "all three", ""]


async def test_a_lost_connection_loses_nothing(browser, ann, pythons):
    pia = await pythons("Pia")
    await knows(browser, "ann", "Pia")
    await has_heard_of(pia, ann)
    await pia.lose_connection()
    quin = await pythons("Quin")
    await knows(browser, "ann", "Quin")
    await browser.ask("ann", "send", "meanwhile")
    await quin.receive(saying("meanwhile"))
    await pia.come_back()
    await pia.receive(saying("meanwhile"))
    await pia.say("back again")

    await browser.entry("ann", said("back again"))
    assert troubles(pia) == alarms(browser) == []


async def test_each_proves_what_the_other_has_said(server, browser, ann, pythons):
    pia = await pythons("Pia")
    await knows(browser, "ann", "Pia")
    await has_heard_of(pia, ann)
    await browser.ask("ann", "send", "said in Node")
    await pia.receive(saying("said in Node"))
    await pia.say("said in Python")
    await browser.entry("ann", said("said in Python"))
    group_id = pia.member.group_id
    shown = await browser.ask("ann", "evidence", pia.user_id)
    await pia.report(ann, "as a test")
    page = await server.app.chat.groups.reports(None, 10)

    about_pia = check_evidence(shown, group_id, pia.user_id)
    assert [one.content for one in about_pia] == [{"text": "said in Python"}]
    report = {"groupId": group_id, "userId": ann, "evidence": pia.member.evidence(ann)}
    assert verdict(report, pia.member.people.all[ann].card.text)[0]
    assert len(page) == 1


async def test_a_new_key_of_a_known_user_is_not_believed_by_itself(server, browser, ann, pythons):
    pia = await pythons("Pia")
    await knows(browser, "ann", "Pia")
    await has_heard_of(pia, ann)
    again = Visitor(server.url, pia.line.token, pia.user_id, "Pia")
    await again.connect()
    await again.meet()
    await browser.entry("ann", lambda entry: entry.get("code") == "key-changed")
    member = again.member
    assert member
    await again.line.until(lambda: ann in member.people.all, "Ann")
    await again.say("it is me")
    waiting = await browser.entry("ann", lambda entry: entry.get("status") == "waiting")
    await browser.ask("ann", "trust", pia.user_id)

    assert waiting["content"] is None
    await browser.entry("ann", said("it is me"))
    assert pia.member.ended == "replaced"
    await again.disconnect()


async def test_nobody_there_is_told(pythons):
    pia = await pythons("Pia")

    with pytest.raises(DemoError, match="nobody is here"):
        await pia.say("hello?")


async def test_the_demo_meets_strangers_at_a_terminal(server, browser, ann):
    async with demonstrating("--strangers", "--name", "Pia", server.url) as demo:
        await knows(browser, "ann", "Pia")
        assert demo.stdin
        demo.stdin.write(b"hello Ann\n\n/who\n/numbers\n/trust Bob\n")
        await browser.entry("ann", said("hello Ann"))
        await browser.ask("ann", "send", "hello \x1b[2J Pia")
        assert demo.stdout
        lines = []
        async with asyncio.timeout(LIMIT_S):
            while "Ann: hello  [2J Pia" not in lines:
                lines.append((await demo.stdout.readline()).decode().rstrip("\n"))
        demo.stdin.write(b"/report Ann was rude\n/leave\n")
        output, _ = await demo.communicate()

        assert demo.returncode == 0
        lines += output.decode().splitlines()
        assert lines[0].endswith(", with Ann")
        assert "  Ann: here" in lines
        assert "! not done: nobody here is called Bob" in lines
        reports = await server.app.chat.groups.reports(None, 10)
        assert [one.reason for one in reports] == ["was rude"]
