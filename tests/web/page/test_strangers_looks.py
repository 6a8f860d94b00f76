"""The page among strangers, for everybody: no fault that axe-core knows; phones; keyboards."""

import pytest
from playwright.async_api import expect

from scripts.demo_parts.strangers.visitor import Visitor
from tests.web.page.talkers import PHONE
from tests.web.page.test_by_keyboard import go_to

pytestmark = pytest.mark.asyncio(loop_scope="session")

SMALL = """() => [...document.querySelectorAll("button, select, summary, textarea, .choice label")]
    .filter((one) => one.checkVisibility() && one.getBoundingClientRect().height < 43.5)
    .map((one) => one.outerHTML)"""


async def test_a_group_is_open_to_everybody_in_each_of_its_states(gather, stranger, faults, relay):
    (ann,) = await gather("Ann", places=3)
    assert await faults(ann.page) == []

    bob = await stranger("ann")
    await bob.enter()
    await bob.say("See https://example.org/ 🎈")
    await ann.hears("See https")
    bob_id = (await bob.ask("GET", "/api/auth/me"))["user"]["id"]
    again = Visitor(relay.url, bob.token, str(bob_id), "ann")
    await again.connect()
    await again.meet()
    await expect(ann.page.locator(".warning")).to_be_visible()
    await ann.page.locator(".warning summary").click()
    await ann.page.locator(".person-line[aria-expanded]").first.click()
    assert await faults(ann.page) == []

    await ann.open("^Accept the new keys")
    assert await faults(ann.page) == []
    await ann.close()
    await ann.button("^Block").click()
    await expect(ann.person("you do not read each other")).to_be_visible()
    assert await faults(ann.page) == []
    await expect(bob.page.get_by_role("alert")).to_contain_text("Your place was taken")
    assert await faults(bob.page) == []
    await again.disconnect()

    await ann.leave()
    assert await faults(ann.page) == []


@pytest.mark.parametrize("view", [{}, PHONE], ids=["desktop", "phone"])
async def test_all_dialogs_of_a_group_are_open_to_everybody(gather, faults, view):
    ann, bob = await gather("Ann", "Bob", **view)
    await bob.say("something bad")
    await ann.hears("something bad")
    await ann.open("^Next$")
    assert await faults(ann.page) == []
    await ann.close()
    dialog = await ann.open("About this group")
    await dialog.get_by_text("Safety number of the group").click()
    await expect(dialog.get_by_role("img")).to_be_visible()
    assert await faults(ann.page) == []
    await ann.open("^Leave$")
    assert await faults(ann.page) == []
    await ann.close()

    people = ann.page
    if view:
        await ann.open("^People: 2")
        people = ann.page.get_by_role("dialog")
    await people.get_by_role("button", name="Bob").last.click()
    assert await faults(ann.page) == []
    await ann.button("^Report").click()
    dialog = ann.page.get_by_role("dialog", name="Report")
    await dialog.get_by_label("something bad").check()
    await dialog.get_by_label("What is wrong?").fill("He is rude.")
    assert await faults(ann.page) == []
    await dialog.get_by_role("button", name="Send the report").click()
    await expect(dialog).to_contain_text("The report was sent")
    assert await faults(ann.page) == []


async def test_a_phone_has_no_sideways_scrolling_and_targets_for_fingers(gather, stranger):
    ann, bob = await gather("Ann", "B" * 64, **PHONE)
    await bob.say("w" * 250)
    await ann.hears("w" * 250)
    width = "() => document.documentElement.scrollWidth"
    cut_off = (
        "(line) => [...line.children].filter((one) => one.scrollWidth > one.clientWidth).length"
    )

    assert await ann.page.evaluate(SMALL) == []
    assert await ann.page.evaluate(width) == 360
    assert await ann.page.get_by_role("log").evaluate("(one) => one.scrollWidth") <= 360
    assert await ann.page.locator(".standing").evaluate(cut_off) == 0
    await ann.open("^People: 2")
    await ann.page.get_by_role("dialog").get_by_role("button", name="B" * 64).click()
    await ann.button("^Report").click()
    dialog = ann.page.get_by_role("dialog", name="Report")
    await expect(dialog.get_by_label("w" * 250)).to_be_visible()
    assert await ann.page.evaluate(SMALL) == []
    assert await dialog.evaluate("(one) => one.scrollWidth <= one.clientWidth")


async def test_strangers_are_met_talked_to_and_left_by_keyboard_alone(stranger):
    ann = await stranger("Ann")
    keyboard = ann.page.keyboard
    await ann.look()
    await go_to(ann, "Meet strangers")
    await keyboard.press("Enter")
    await ann.is_connected()

    await keyboard.type("to whom it may concern")
    await keyboard.press("Enter")
    await ann.is_told("Nobody is here who could read it.")
    await go_to(ann, "Next")
    await go_to(ann, "Leave")
    await keyboard.press("Enter")
    await expect(ann.button("^Stay$")).to_be_focused()
    await go_to(ann, "Leave and forget")
    await keyboard.press("Enter")

    await ann.is_told("You have left your group")
    await expect(ann.page.get_by_role("heading", name="Meet strangers")).to_be_focused()


async def test_comings_and_messages_are_read_out(gather, stranger):
    (ann,) = await gather("Ann", places=3)
    said = ann.page.locator("p.unseen[role=status]")
    bob = await stranger("Bob")

    await bob.enter()
    await expect(said).to_have_text("\u2068Bob\u2069 joined")
    await bob.say("hello there")

    await expect(said).to_have_text("\u2068Bob\u2069: hello there")
