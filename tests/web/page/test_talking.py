"""People who talk through the page."""

import pytest
from playwright.async_api import expect

from tests.web.page.talkers import reads_further_up

pytestmark = pytest.mark.asyncio(loop_scope="session")

MARKUP = '<img src=x onerror="document.title=1"><b>bold</b> &amp; "quoted"'


async def test_three_people_read_what_each_of_them_says(together):
    for one in together:
        await one.say(f"words of {one.name}")

    for one in together:
        for other in together:
            await one.hears(f"words of {other.name}")
    await together[0].has_sent("words of Ann")


async def test_a_private_message_is_read_by_one_and_shown_as_private_to_both(together):
    ann, bob, cy = together
    before = await cy.texts()

    await ann.write_to("Bob")
    await ann.say("for your eyes")
    await ann.write_to(None)
    await ann.say("for everybody")
    await cy.hears("for everybody")

    await expect(await bob.hears("for your eyes")).to_contain_text("Only to you")
    await expect(await ann.hears("for your eyes")).to_contain_text("Only to \u2068Bob\u2069")
    await expect(await bob.hears("for everybody")).not_to_contain_text("Only to")
    assert await cy.texts() == [*before, "for everybody"]


async def test_what_others_write_is_text_and_never_markup(together):
    ann, bob, _ = together

    await bob.say(MARKUP)

    message = await ann.hears("onerror")
    assert await message.locator(".said").inner_text() == MARKUP
    assert await message.locator("img, b").count() == 0


async def test_only_plain_web_addresses_become_links(together):
    ann, bob, _ = together

    await bob.say(
        "see https://example.org/a?b=1, not javascript:alert(1) "
        "nor https://bank.example@evil.example nor ftp://example.org"
    )

    links = (await ann.hears("see https")).get_by_role("link")
    await expect(links).to_have_count(1)
    await expect(links).to_have_attribute("href", "https://example.org/a?b=1")
    await expect(links).to_have_attribute("rel", "noopener noreferrer")


async def test_shift_and_enter_begin_a_new_line(together):
    ann, bob, _ = together

    await ann.field.press_sequentially("line 1")
    await ann.field.press("Shift+Enter")
    await ann.field.press_sequentially("line 2")
    await ann.field.press("Enter")

    assert await (await bob.hears("line 1")).locator(".said").inner_text() == "line 1\nline 2"


async def test_a_text_of_sixteen_thousand_characters_arrives_folded_and_one_more_is_refused(
    together,
):
    ann, bob, _ = together
    await ann.field.fill("🎈" * 16_001)
    await expect(ann.button("^Send$")).to_be_disabled()
    await ann.is_told("1 character too many")

    await ann.say("🎈" * 16_000)

    message = bob.message("🎈")
    await message.get_by_role("button", name="Show all of it").click()
    assert await message.locator(".said").inner_text() == "🎈" * 16_000


WATCH = """(shown) => {
    window.typing = [];
    new MutationObserver(() => window.typing.push(shown.textContent))
        .observe(shown, { childList: true, subtree: true, characterData: true });
}"""
"""Keep all that is said of who types: nobody does for long."""


async def test_who_types_is_named_unless_it_is_for_one_alone(together):
    ann, bob, cy = together
    shown = ann.page.locator(".typing")
    await shown.evaluate(WATCH)
    await cy.write_to("Ann")
    await cy.field.press_sequentially("a secret")

    await bob.field.press_sequentially("hm")

    await expect(shown).to_have_text("\u2068Bob\u2069 is typing…")
    await cy.field.press("Enter")
    await ann.hears("a secret")
    said = await ann.page.evaluate("() => window.typing")
    assert [words for words in said if "Cy" in words] == []


async def test_a_new_name_is_seen_by_all_also_above_old_messages(together, guest):
    ann = together[0]
    dee = await guest("Dee")
    await dee.join(ann.page.url)
    await dee.say("the first of Dee")
    dialog = await dee.open("Session and settings")
    await dialog.get_by_label("Your name").fill("Deirdre")

    await dialog.get_by_role("button", name="Save").click()

    await ann.sees_people("Deirdre")
    await expect(await ann.hears("the first of Dee")).to_contain_text("Deirdre")


async def test_two_of_one_name_are_told_apart(together, guest):
    ann, first, _ = together
    second = await guest("bob")
    await second.join(ann.page.url)
    await second.sees_people("Bob")
    await first.say("said by one")
    await second.say("said by two")

    markers = [
        await (await ann.hears(text)).locator(".message-head .marker").inner_text()
        for text in ("said by one", "said by two")
    ]

    assert len(set(markers)) == 2


async def test_who_comes_later_reads_nothing_of_before(together, guest):
    ann, bob, _ = together
    await ann.say("said before")
    await bob.hears("said before")
    dee = await guest("Dee")
    link = ann.page.url
    await dee.follow(link)
    await dee.is_told("not what was said before")

    await dee.come_in()
    await dee.sees_people("Ann", "Bob")

    await dee.is_told("you have no key for")
    assert await dee.texts() == []


async def test_who_comes_later_reads_back_if_that_was_chosen(meet, talker):
    ann, bob = await meet("Ann", "Bob", shares=True)
    await ann.say("said before")
    await bob.hears("said before")
    cy = await talker("Cy")
    link = ann.page.url
    await cy.follow(link)
    await cy.is_told("You will be able to read")

    await cy.come_in()
    await cy.sees_people("Ann", "Bob")

    await cy.hears("said before")


async def test_safety_numbers_agree_and_can_be_marked_as_compared(together):
    ann, bob, _ = together
    await ann.open_person("Bob")
    mine = await ann.open("^Safety number")
    await bob.open_person("Ann")
    theirs = await bob.open("^Safety number")
    assert (
        await mine.get_by_role("list").inner_text() == await theirs.get_by_role("list").inner_text()
    )
    await expect(mine.get_by_role("img")).to_be_visible()

    await mine.get_by_role("button", name="Mark as compared").click()
    await ann.close()
    await bob.close()
    await bob.say("it is me")

    await expect((await ann.hears("it is me")).get_by_title("Compared")).to_be_visible()


async def test_unread_messages_are_counted_and_lead_to_where_the_new_ones_begin(together):
    ann, bob, _ = together
    await reads_further_up(ann, bob, "a long poem")

    await bob.say("something new")

    await expect(ann.page).to_have_title("(1) Hushwire")
    await ann.button("1 new message").click()
    await expect(ann.page.get_by_text("New messages", exact=True)).to_be_visible()
    await expect(await ann.hears("something new")).to_be_in_viewport()
    await expect(ann.page).to_have_title("Hushwire")


async def test_whoever_answers_from_further_up_sees_the_answer(together):
    ann, bob, _ = together
    await reads_further_up(ann, bob, "a question")

    await ann.say("an answer")

    await expect(await ann.hears("an answer")).to_be_in_viewport()
    await expect(ann.button("Jump to the latest")).to_have_count(0)


async def test_messages_are_read_out_but_not_each_of_a_flood(meet):
    ann, bob = await meet("Ann", "Bob")
    said = ann.page.locator("p.unseen[role=status]")

    await bob.say("hello there")
    await expect(said).to_have_text("\u2068Bob\u2069: hello there")
    for number in range(5):
        await bob.say(f"again {number}")

    await expect(said).to_contain_text("new messages, the last of")
