"""The page for everybody where something goes wrong or comes to an end; see test_looks.py."""

import pytest
from playwright.async_api import expect

from tests.web.page.talkers import PHONE
from tests.web.page.test_files import named, png

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture(scope="module")
def circle_names():
    return "Ann", "Bob"


@pytest.mark.parametrize("view", [{}, PHONE], ids=["desktop", "phone"])
async def test_a_picture_is_open_to_everybody(together, guest, faults, view):
    ann, bob = together
    if view:
        bob = await guest("Bob's phone", **view)
        await bob.join(ann.page.url)
    await ann.attach(named("harbour.png", png(1500, 1000), "image/png"))

    await bob.button("Open the picture").click()

    await expect(bob.page.get_by_role("dialog").get_by_role("img")).to_be_visible()
    assert await faults(bob.page) == []


async def test_a_lost_connection_is_open_to_everybody(together, guest, faults):
    ann, bob = await guest("Ann's phone", **PHONE), together[1]
    await ann.join(bob.page.url)
    await ann.sees_people("Bob")
    ann.visitor.expect("ERR_INTERNET_DISCONNECTED")
    await ann.page.context.set_offline(True)
    await ann.is_told("This device is offline")
    await ann.say("written meanwhile")
    assert await faults(ann.page) == []

    ann.visitor.is_used_up = True
    # The browser believes that it has a network, and yet nobody answers.
    await ann.page.evaluate(
        """() => {
            Object.defineProperty(navigator, "onLine", { get: () => true });
            dispatchEvent(new Event("online"));
        }"""
    )
    await ann.is_told("The connection was lost")
    assert await faults(ann.page) == []

    await bob.say("missed")
    await bob.has_sent("missed")
    await ann.page.context.set_offline(False)
    await ann.is_told("1 message caught up")
    assert await faults(ann.page) == []


async def test_all_ends_are_open_to_everybody(meet, clock, faults):
    ann, bob, cy = await meet("Ann", "Bob", "Cy")
    await ann.say("before the end")
    await bob.hears("before the end")
    await ann.open_person("Bob")
    await ann.open("^Remove")
    assert await faults(ann.page) == []

    await ann.page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    await bob.is_told("You were removed from the session")
    assert await faults(bob.page) == []

    await cy.open("Session and settings")
    await cy.open("Leave and forget…")
    await cy.button("^Leave and forget$").click()
    await cy.is_told("You have left")
    assert await faults(cy.page) == []

    await ann.is_told("\u2068Cy\u2069 left")
    clock.advance(minutes=31)
    await ann.is_told("This session has ended")
    assert await faults(ann.page) == []
