"""What only who started a session can do."""

import pytest
from playwright.async_api import expect

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_locked_session_lets_nobody_new_in_until_it_is_unlocked(meet, talker):
    ann, bob = await meet("Ann", "Bob")
    dialog = await ann.open("Session and settings")
    await dialog.get_by_role("switch", name="Lock the session").check()
    for one in (ann, bob):
        await expect(one.page.locator(".standing")).to_contain_text("Locked")
    cy = await talker("Cy")
    await cy.page.goto(ann.page.url)
    await cy.page.get_by_label("Your name").fill("Cy")
    await cy.button("Join the session").click()
    await cy.is_told("This session is locked")

    await dialog.get_by_role("switch", name="Lock the session").uncheck()
    for one in (ann, bob):
        await expect(one.page.locator(".standing")).not_to_contain_text("Locked")
    await cy.button("Try again").click()

    await cy.is_connected()
    await cy.sees_people("Ann", "Bob")


async def test_who_is_removed_is_told_and_reads_nothing_more(meet):
    ann, bob, cy = await meet("Ann", "Bob", "Cy")
    await ann.open_person("Bob")
    await ann.open("^Remove")

    await ann.page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    await bob.is_told("You were removed from the session")
    await cy.is_told("\u2068Ann\u2069 removed \u2068Bob\u2069 from the session")
    await ann.say("without Bob")

    await cy.hears("without Bob")
    assert await bob.texts() == []
    await expect(bob.field).to_have_count(0)
    await expect(bob.page.get_by_text("Waiting for the key")).to_have_count(0)


async def test_others_are_not_offered_to_lock_or_to_remove(meet):
    _, bob = await meet("Ann", "Bob")

    await bob.open_person("Ann")

    await expect(bob.button("Write privately")).to_be_visible()
    assert await bob.button("^Remove").count() == 0
    dialog = await bob.open("Session and settings")
    assert await dialog.get_by_role("switch").count() == 0


async def test_an_invitation_can_be_copied_and_scanned(meet):
    (ann,) = await meet("Ann", permissions=["clipboard-read", "clipboard-write"])
    dialog = await ann.open("^Invite$")

    await dialog.get_by_role("button", name="Copy link").click()

    await expect(dialog.get_by_role("button", name="Copied")).to_be_visible()
    assert await ann.page.evaluate("() => navigator.clipboard.readText()") == ann.page.url
    await expect(dialog.get_by_role("img", name="QR code")).to_be_visible()
    assert len(await dialog.locator(".qr path").get_attribute("d")) > 500
    await expect(dialog).to_contain_text("Whoever has the link can join and read on")
