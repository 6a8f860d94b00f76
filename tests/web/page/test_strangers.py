"""Strangers who meet through the page."""

import re

import pytest
from playwright.async_api import expect

from tests.web.page.leaver import keep_keys, opened_with_own_keys
from tests.web.page.talkers import reads_further_up

pytestmark = pytest.mark.asyncio(loop_scope="session")

MARKUP = '<img src=x onerror="document.title=1"><b>bold</b>'


async def test_five_meet_and_talk_and_who_has_left_cannot_decrypt_what_follows(group, newcomer):
    ann, bob, cy = group
    dee, eve = await newcomer("Dee"), await newcomer("Eve")
    before = await texts_at_relay(bob)
    await dee.enter()
    await eve.look()
    eve.visitor.is_used_up = True
    await keep_keys(eve.page)
    await eve.ask_for_group()
    five, four = (ann, bob, cy, dee, eve), (ann, bob, cy, dee)
    for one in five:
        await one.counts(5)
        await one.say(f"words of {one.name}")
    for one in five:
        for other in five:
            await one.hears(f"words of {other.name}")
    it = (await eve.ask("GET", "/api/groups/current"))["group"]

    await eve.leave()
    for one in four:
        await one.counts(4)
        await one.say(f"{one.name} without Eve")
    for one in four:
        for other in four:
            await one.hears(f"{other.name} without Eve")

    # All that the relay has, as Bob's token gets it: keys and messages, from before and after.
    messages = await messages_at_relay(bob)
    opened = await opened_with_own_keys(eve.page, it, messages)
    assert opened == {f"words of {one.name}" for one in four}
    assert len(await texts_at_relay(bob)) == len(before) + 9


async def messages_at_relay(somebody):
    path = f"/api/groups/{await somebody.group_id()}/messages?limit=200"
    return (await somebody.ask("GET", path))["messages"]


async def texts_at_relay(somebody):
    return [one for one in await messages_at_relay(somebody) if one["messageType"] == "text"]


async def test_who_types_is_named(group):
    ann, bob, _ = group

    await bob.field.press_sequentially("hm")

    await expect(ann.page.locator(".typing")).to_have_text("\u2068Bob\u2069 is typing…")
    await bob.field.fill("")
    await expect(ann.page.locator(".typing")).to_have_text("")


async def test_what_strangers_call_themselves_and_write_is_text_and_never_markup(group, newcomer):
    ann, evil = group[0], await newcomer(MARKUP)
    await evil.enter()
    await ann.counts(4)

    await evil.say(MARKUP)

    message = await ann.hears("onerror")
    assert await message.locator(".said").inner_text() == MARKUP
    assert await ann.page.locator("img, b").count() == 0
    await expect(ann.page.locator(".person-name bdi").get_by_text(MARKUP)).to_have_text(MARKUP)


async def test_whom_one_blocks_is_not_shown_any_more_until_that_is_undone(group):
    ann, bob, cy = group
    await bob.say("something bad")
    await ann.hears("something bad")
    await ann.open_person("Bob")

    await ann.button("^Block").click()

    await ann.is_told("What \u2068Bob\u2069 says is hidden")
    await expect(ann.person("Bob")).to_contain_text("Blocked")
    await bob.say("again")
    await cy.say("and something good")
    await ann.hears("and something good")
    assert {"something bad", "again"}.isdisjoint(await ann.texts())
    await ann.button("^Unblock").click()
    await ann.hears("something bad")
    await bob.say("better words")
    await ann.hears("better words")


async def test_safety_numbers_of_two_and_of_all_agree(group):
    ann, bob, _ = group
    await ann.say("so that the keys are proved")
    await bob.hears("so that the keys")
    digits = []
    for one, other in ((ann, "Bob"), (bob, "Ann")):
        await one.open_person(other)
        pair = await one.open("^Safety number")
        digits.append(await pair.get_by_role("list").inner_text())
        await one.close()
        of_all = await one.open("About this group")
        await of_all.get_by_text("Safety number of the group").click()
        await expect(of_all.get_by_role("img")).to_be_visible()
        digits.append(await of_all.get_by_role("list").inner_text())
        await one.close()

    assert digits[:2] == digits[2:]
    assert all(re.fullmatch(r"(\d{5}\s+){11}\d{5}", one) for one in digits)
    await ann.open("^Safety number")
    await ann.button("Mark as compared").click()
    await ann.close()
    await expect(ann.person("Bob").get_by_title("Compared")).to_be_visible()


async def test_unread_messages_are_counted_in_the_title_which_is_free_again_after_leaving(
    group, newcomer
):
    bob, fay = group[1], await newcomer("Fay")
    await fay.enter()
    await fay.counts(4)
    await reads_further_up(fay, bob, "a long poem")

    await bob.say("something new")

    await expect(fay.page).to_have_title("(1) Hushwire")
    await fay.leave()
    await expect(fay.page).to_have_title("Hushwire")


async def test_two_tabs_are_two_strangers(group):
    ann = group[0]
    second = type(ann)(ann.visitor, "Ann too")
    second.page = await ann.page.context.new_page()
    await second.enter()

    await ann.page.bring_to_front()
    await ann.counts(4)
    assert await second.group_id() == await ann.group_id()
    await second.page.close()


async def test_the_group_has_a_name_and_places_and_says_who_comes_and_goes(gather, stranger):
    (ann,) = await gather("Ann", places=4)
    await ann.is_told("Nobody else is here at the moment")
    await expect(ann.page.locator(".places")).to_contain_text(f"1 of {await ann.places()}")
    bob = await stranger("Bob")

    await bob.enter()

    await ann.is_told("\u2068Bob\u2069 joined · keys were renewed")
    await ann.is_told("You are among strangers")
    assert await bob.group_name() == await ann.group_name()
    await bob.leave()
    await ann.is_told("\u2068Bob\u2069 left · keys were renewed")
    await expect(ann.person("Bob")).to_contain_text("Gone")


async def test_next_leads_to_other_people_and_asks_only_where_somebody_has_just_spoken(
    gather, stranger
):
    ann, bob = await gather("Ann", "Bob")
    before = await ann.group_id()
    await ann.say("hello")
    await bob.hears("hello")

    dialog = await ann.open("^Next$")
    await expect(dialog).to_contain_text("Move on to other people?")
    await dialog.get_by_role("button", name="Move on").click()

    await ann.is_told("Nobody else is here at the moment")
    await bob.is_told("\u2068Ann\u2069 left")
    assert await ann.group_id() != before
    assert await ann.texts() == []
    cy = await stranger("Cy")
    await cy.enter()
    second = await ann.group_id()
    await ann.button("^Next$").click()
    await expect(ann.page.get_by_role("dialog")).to_have_count(0)
    await ann.is_connected()
    await expect(ann.page.locator(".places")).to_contain_text("1 of")
    assert await ann.group_id() not in (before, second)


async def test_a_friendly_pseudonym_is_proposed_and_this_tab_remembers_what_was_taken(stranger):
    ann = await stranger("Quiet Otter")
    field = ann.page.get_by_label("Your pseudonym")
    await ann.look()
    assert re.fullmatch(r"[A-Z][a-z]+ [A-Z][a-z]+", await field.input_value())
    await field.fill("   ")
    await ann.button("Meet strangers").click()
    await ann.is_told("Please enter a name.")

    await ann.ask_for_group()
    await ann.is_connected()
    await ann.leave()

    await expect(field).to_have_value("Quiet Otter")
    other = await ann.page.context.new_page()
    await other.goto("/")
    await expect(other.get_by_label("Your pseudonym")).not_to_have_value("Quiet Otter")
