"""What only who started a session can do."""

import pytest
from playwright.async_api import expect

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_locked_session_lets_nobody_new_in_until_it_is_unlocked(together, guest):
    ann, bob, _ = together
    dialog = await ann.open("Session and settings")
    await dialog.get_by_role("switch", name="Lock the session").check()
    for one in (ann, bob):
        await expect(one.page.locator(".standing")).to_contain_text("Locked")
    dee = await guest("Dee")
    await dee.follow(ann.page.url)
    await expect(dee.button("Join the session")).to_be_visible()
    await dee.page.get_by_label("Your name").fill("Dee")
    await dee.button("Join the session").click()
    await dee.is_told("This session is locked")

    await dialog.get_by_role("switch", name="Lock the session").uncheck()
    for one in (ann, bob):
        await expect(one.page.locator(".standing")).not_to_contain_text("Locked")
    await dee.button("Try again").click()

    await dee.is_connected()
    await dee.sees_people("Ann", "Bob")


async def test_who_is_removed_is_told_and_reads_nothing_more(together, guest):
    ann, _, cy = together
    eve = await guest("Eve")
    await eve.join(ann.page.url)
    await ann.sees_people("Eve")
    await ann.open_person("Eve")
    await ann.open("^Remove")

    await ann.page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    await eve.is_told("You were removed from the session")
    await cy.is_told("\u2068Ann\u2069 removed \u2068Eve\u2069 from the session")
    await ann.say("without Eve")

    await cy.hears("without Eve")
    assert await eve.texts() == []
    await expect(eve.field).to_have_count(0)
    await expect(eve.page.get_by_text("Waiting for the key")).to_have_count(0)
    # It is locked, so that nobody comes back under another name.
    dialog = await ann.open("Session and settings")
    await dialog.get_by_role("switch", name="Lock the session").uncheck()


async def test_others_are_not_offered_to_lock_or_to_remove(together):
    bob = together[1]

    await bob.open_person("Ann")

    await expect(bob.button("Write privately")).to_be_visible()
    assert await bob.button("^Remove").count() == 0
    dialog = await bob.open("Session and settings")
    assert await dialog.get_by_role("switch").count() == 0


async def test_an_invitation_can_be_copied_and_scanned(together):
    ann = together[0]
    await ann.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    dialog = await ann.open("^Invite$")

    await dialog.get_by_role("button", name="Copy link").click()

    await expect(dialog.get_by_role("button", name="Copied")).to_be_visible()
    assert await ann.page.evaluate("() => navigator.clipboard.readText()") == ann.page.url
    await expect(dialog.get_by_role("img", name="QR code")).to_be_visible()
    assert len(await dialog.locator(".qr path").get_attribute("d")) > 500
    await expect(dialog).to_contain_text("Whoever has the link can join and read on")
