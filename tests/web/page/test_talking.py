"""People who talk through the page."""

import pytest
from playwright.async_api import expect

pytestmark = pytest.mark.asyncio(loop_scope="session")

MARKUP = '<img src=x onerror="document.title=1"><b>bold</b> &amp; "quoted"'


async def test_three_people_read_what_each_of_them_says(meet):
    ann, bob, cy = await meet("Ann", "Bob", "Cy")

    for one in (ann, bob, cy):
        await one.say(f"words of {one.name}")

    for one in (ann, bob, cy):
        for other in (ann, bob, cy):
            await one.hears(f"words of {other.name}")
    await ann.has_sent("words of Ann")


async def test_a_private_message_is_read_by_one_and_shown_as_private_to_both(meet):
    ann, bob, cy = await meet("Ann", "Bob", "Cy")

    await ann.write_to("Bob")
    await ann.say("for your eyes")
    await ann.write_to(None)
    await ann.say("for everybody")
    await cy.hears("for everybody")

    await expect(await bob.hears("for your eyes")).to_contain_text("Only to you")
    await expect(await ann.hears("for your eyes")).to_contain_text("Only to \u2068Bob\u2069")
    await expect(await bob.hears("for everybody")).not_to_contain_text("Only to")
    assert await cy.texts() == ["for everybody"]


async def test_what_others_write_is_text_and_never_markup(meet):
    ann, bob = await meet("Ann", "Bob")

    await bob.say(MARKUP)

    message = await ann.hears("onerror")
    assert await message.locator(".said").inner_text() == MARKUP
    assert await message.locator("img, b").count() == 0


async def test_only_plain_web_addresses_become_links(meet):
    ann, bob = await meet("Ann", "Bob")

    await bob.say(
        "see https://example.org/a?b=1, not javascript:alert(1) "
        "nor https://bank.example@evil.example nor ftp://example.org"
    )

    links = (await ann.hears("see https")).get_by_role("link")
    await expect(links).to_have_count(1)
    await expect(links).to_have_attribute("href", "https://example.org/a?b=1")
    await expect(links).to_have_attribute("rel", "noopener noreferrer")


async def test_shift_and_enter_begin_a_new_line(meet):
    ann, bob = await meet("Ann", "Bob")

    await ann.field.press_sequentially("one")
    await ann.field.press("Shift+Enter")
    await ann.field.press_sequentially("two")
    await ann.field.press("Enter")

    assert await (await bob.hears("one")).locator(".said").inner_text() == "one\ntwo"


async def test_a_text_of_sixteen_thousand_characters_arrives_folded_and_one_more_is_refused(meet):
    ann, bob = await meet("Ann", "Bob")
    await ann.field.fill("🎈" * 16_001)
    await expect(ann.button("^Send$")).to_be_disabled()
    await ann.is_told("1 character too many")

    await ann.say("🎈" * 16_000)

    message = bob.page.get_by_role("article")
    await message.get_by_role("button", name="Show all of it").click()
    assert await message.locator(".said").inner_text() == "🎈" * 16_000


async def test_who_types_is_named_unless_it_is_for_one_alone(meet):
    ann, bob, cy = await meet("Ann", "Bob", "Cy")
    await cy.write_to("Ann")
    await cy.field.press_sequentially("a secret")

    await bob.field.press_sequentially("hm")

    await expect(ann.page.locator(".typing")).to_have_text("\u2068Bob\u2069 is typing…")


async def test_a_new_name_is_seen_by_all_also_above_old_messages(meet):
    ann, bob = await meet("Ann", "Bob")
    await bob.say("hello")
    dialog = await bob.open("Session and settings")
    await dialog.get_by_label("Your name").fill("Robert")

    await dialog.get_by_role("button", name="Save").click()

    await ann.sees_people("Robert")
    await expect(await ann.hears("hello")).to_contain_text("Robert")


async def test_two_of_one_name_are_told_apart(meet):
    ann, first, second = await meet("Ann", "Bob", "bob")
    await first.say("one")
    await second.say("two")

    markers = [
        await (await ann.hears(text)).locator(".message-head .marker").inner_text()
        for text in ("one", "two")
    ]

    assert len(set(markers)) == 2


@pytest.mark.parametrize("shares", [True, False])
async def test_who_comes_later_reads_back_only_if_that_was_chosen(meet, talker, shares):
    ann, bob = await meet("Ann", "Bob", shares=shares)
    await ann.say("said before")
    await bob.hears("said before")
    cy = await talker("Cy")
    link = ann.page.url
    await cy.page.goto(link)
    await cy.is_told("You will be able to read" if shares else "not what was said before")

    await cy.join(link)
    await cy.sees_people("Ann", "Bob")

    if shares:
        await cy.hears("said before")
    else:
        await cy.is_told("you have no key for")
        assert await cy.texts() == []


async def test_safety_numbers_agree_and_can_be_marked_as_compared(meet):
    ann, bob = await meet("Ann", "Bob")
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


async def test_unread_messages_are_counted_and_lead_to_where_the_new_ones_begin(meet):
    ann, bob = await meet("Ann", "Bob")
    await bob.say("\n".join(f"line {number}" for number in range(15)))
    await bob.say("\n".join(f"row {number}" for number in range(15)))
    await ann.hears("row 14")
    await ann.page.get_by_role("log").press("Home")
    await expect(ann.button("Jump to the latest")).to_be_visible()

    await bob.say("something new")

    await expect(ann.page).to_have_title("(1) Hushwire")
    await ann.button("1 new message").click()
    await expect(ann.page.get_by_text("New messages", exact=True)).to_be_visible()
    await expect(await ann.hears("something new")).to_be_in_viewport()
    await expect(ann.page).to_have_title("Hushwire")


async def test_whoever_answers_from_further_up_sees_the_answer(meet):
    ann, bob = await meet("Ann", "Bob")
    await bob.say("\n".join(f"line {number}" for number in range(15)))
    await bob.say("\n".join(f"row {number}" for number in range(15)))
    await ann.hears("row 14")
    await ann.page.get_by_role("log").press("Home")
    await expect(ann.button("Jump to the latest")).to_be_visible()

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
