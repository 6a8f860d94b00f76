"""The page for everybody: no fault that axe-core knows in any state, in light and dark."""

import re

import pytest
from playwright.async_api import expect

from server.transports.web_files import built_in
from tests.web.page.talkers import PHONE, frames_from_relay
from tests.web.page.test_secrecy import once

pytestmark = pytest.mark.asyncio(loop_scope="session")

FIRST_LOAD_BYTES = 150_000


@pytest.fixture(scope="module")
def circle_names():
    return "Ann", "Bob", "bob"


async def test_the_screens_before_a_conversation_are_open_to_everybody(talker, faults):
    ann, bob = await talker("Ann"), await talker("Bob", **PHONE)
    await ann.come_to_start()
    await ann.button("Start a session").click()
    await ann.is_told("Please enter a name.")
    assert await faults(ann.page) == []

    await bob.follow(await ann.start())
    await bob.is_told("What joining means")
    assert await faults(bob.page) == []
    assert await faults(ann.page) == []

    await bob.page.goto("about:blank")
    await bob.page.goto(ann.page.url[:-3])
    await bob.is_told("This link is incomplete")
    assert await faults(bob.page) == []


async def test_a_conversation_is_open_to_everybody(together, guest, faults):
    bob, dee = together[1], await guest("Dee")
    async with frames_from_relay(dee) as changes:
        await dee.join(bob.page.url)
        await dee.sees_people("Bob", "bob")
        await bob.say("before")
        await dee.hears("before")
        changes.append(once(lambda frame: []))
        await bob.say("withheld")
        await bob.has_sent("withheld")
        await bob.say("See https://example.org/ 🎈")
        await dee.page.get_by_role("combobox", name="To").select_option(index=1)
        await dee.say("between us")
        await dee.attach({"name": "notes.txt", "mimeType": "text/plain", "buffer": b"words"})
        await expect(dee.page.locator(".warning")).to_be_visible()
        await dee.page.locator(".warning summary").click()
        await expect(dee.page.locator(".file")).to_be_visible()
        await dee.page.locator(".person-line[aria-expanded]").first.click()

        assert await faults(dee.page) == []


@pytest.mark.parametrize("view", [{}, PHONE], ids=["desktop", "phone"])
async def test_all_dialogs_are_open_to_everybody(together, guest, faults, view):
    ann = together[0]
    if view:
        ann = await guest("Eve", **view)
        await ann.join(together[0].page.url)
    await ann.open("^Invite$")
    assert await faults(ann.page) == []
    await ann.close()
    await ann.open("Session and settings")
    assert await faults(ann.page) == []
    await ann.open("Leave and forget…")
    assert await faults(ann.page) == []
    await ann.close()

    if view:
        await ann.open("^People:")
        assert await faults(ann.page) == []
    await ann.page.locator("button.person-line").first.click()
    await ann.open("^Safety number")
    await expect(ann.page.get_by_role("img")).to_be_visible()
    assert await faults(ann.page) == []


async def test_a_phone_has_no_sideways_scrolling_and_targets_for_fingers(together, guest):
    ann, bob = await guest("Fay", **PHONE), await guest("B" * 64)
    for one in (ann, bob):
        await one.join(together[0].page.url)
    await bob.say("w" * 400)
    await bob.attach({"name": "n" * 200 + ".txt", "mimeType": "text/plain", "buffer": b"words"})
    await expect(ann.page.locator(".file")).to_be_visible()

    small = """() => [...document.querySelectorAll("button, select, summary, textarea")]
        .filter((one) => one.checkVisibility() && one.getBoundingClientRect().height < 43.5)
        .map((one) => one.outerHTML)"""
    assert await ann.page.evaluate(small) == []
    assert await ann.page.evaluate("() => document.documentElement.scrollWidth") == 360
    timeline = ann.page.get_by_role("log")
    assert await timeline.evaluate("(box) => box.scrollWidth - box.clientWidth") == 0
    card = ann.page.locator(".file-line button")
    assert (await card.bounding_box())["x"] + (await card.bounding_box())["width"] <= 360


async def test_a_phone_shows_the_whole_state_of_the_connection_also_when_locked(meet):
    (ann,) = await meet("Ann", **PHONE)
    dialog = await ann.open("Session and settings")
    await dialog.get_by_role("switch", name="Lock the session").check()
    standing = ann.page.locator(".standing")
    await expect(standing).to_contain_text("Locked")

    cut_off = "(line) => [...line.children].filter((part) => part.scrollWidth > part.clientWidth)"
    assert await standing.evaluate(f"(line) => ({cut_off})(line).length") == 0


async def test_the_first_load_is_small():
    client = built_in()
    page = client.page.plain.body.decode()
    loaded = re.findall(r'(?:href|src)="client/([^"]+)"', page)

    bodies = [client.page, *(client.files[path] for path in loaded)]

    assert len(loaded) > 20
    assert not any("qr" in path for path in loaded)
    assert sum(len((file.gzipped or file.plain).body) for file in bodies) < FIRST_LOAD_BYTES


async def test_nothing_is_said_on_the_console(together, guest):
    ann, gus = together[0], await guest("Gus")
    await gus.join(ann.page.url)
    await gus.say("hello")
    await ann.hears("hello")
    await ann.say("hello, Gus")
    await gus.hears("hello, Gus")

    assert [*ann.visitor.console, *gus.visitor.console] == []
