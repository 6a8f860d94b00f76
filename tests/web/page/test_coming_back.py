"""Reloads, lost networks, copied tabs, ends: what stays, and what the page says of it."""

import pytest
from playwright.async_api import expect

from tests.web.page.talkers import Talker

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture(scope="module")
def circle_names():
    return "Ann", "Bob"


OTHER_PAGE = "/client/icon.svg"
"""Has the storage of the page, and costs nothing to load."""


async def test_a_reload_keeps_who_one_is_and_what_was_said(together):
    ann, bob = together
    noticed = await bob.page.locator(".notice").all_inner_texts()
    await ann.say("before")
    await bob.say("an answer")
    await ann.hears("an answer")

    await ann.page.reload()
    await ann.is_connected()

    await ann.hears("an answer")
    await ann.has_sent("before")
    await ann.say("after")
    await bob.hears("after")
    assert await bob.page.locator(".notice").all_inner_texts() == noticed
    assert await bob.page.locator(".warning").count() == 0
    assert await ann.page.locator(".warning").count() == 0


async def test_a_file_that_was_here_before_a_reload_can_still_be_fetched_from_there(together):
    ann, bob = together
    await ann.attach({"name": "notes.txt", "mimeType": "text/plain", "buffer": b"words"})
    ways = bob.file("notes.txt").get_by_role("button")
    await expect(ways.filter(has_text="Fetch")).to_be_visible()

    await ann.page.reload()
    await ann.is_connected()
    await ways.filter(has_text="Fetch").click()

    await expect(ways.filter(has_text="Save")).to_be_visible()


async def test_who_lost_the_network_gets_exactly_what_was_missed(together):
    ann, bob = together
    before = len(await bob.texts())
    await bob.say("heard")
    await ann.hears("heard")
    ann.visitor.expect("ERR_INTERNET_DISCONNECTED")
    await ann.page.context.set_offline(True)
    await ann.is_told("This device is offline")
    for number in range(3):
        await bob.say(f"missed {number}")
    await ann.say("written meanwhile")

    await ann.page.context.set_offline(False)

    await ann.is_told("3 messages caught up")
    await bob.hears("written meanwhile")
    await ann.has_sent("written meanwhile")
    assert sorted(await ann.texts()) == sorted(await bob.texts())
    assert len(await ann.texts()) == before + 5


async def test_a_copied_tab_becomes_a_device_of_its_own_and_harms_nobody(together, guest):
    ann, dee = together[0], await guest("Dee")
    await dee.join(ann.page.url)
    await dee.say("from the first tab")
    await ann.hears("from the first tab")
    async with dee.page.context.expect_page() as opening:
        await dee.page.evaluate(f"() => void window.open('{OTHER_PAGE}')")

    copy = Talker(dee.visitor, "Dee")
    copy.page = await opening.value
    await copy.page.evaluate(
        "(kept) => Object.assign(sessionStorage, kept)",
        await dee.page.evaluate("() => ({ ...sessionStorage })"),
    )
    await copy.page.goto(dee.page.url)
    await copy.is_connected()
    await ann.counts(4)
    # Before it has said anything that would take the place of what it was copied with.
    await copy.page.reload()
    await copy.is_connected()
    await copy.say("from the copy")
    await dee.say("once more from the first")

    for one in (ann, dee, copy):
        await one.hears("from the copy")
        await one.hears("once more from the first")
        assert await one.page.locator(".warning").count() == 0
    await ann.counts(4)


async def test_a_copied_tab_has_nothing_to_miss_of_what_the_first_one_read(together, guest):
    bob, eve = together[1], await guest("Eve")
    await eve.join(bob.page.url)
    read = """() => Object.entries(sessionStorage)
        .filter(([name]) => name.endsWith(":chains"))
        .reduce((sum, [, kept]) => sum + kept.length, 0)"""
    before = await eve.page.evaluate(read)
    await bob.write_to("Eve")
    await bob.say("for Eve's first tab alone")
    await eve.hears("for Eve's first tab alone")
    await eve.page.wait_for_function(f"(before) => ({read})() > before", arg=before)

    copy = Talker(eve.visitor, "Eve")
    copy.page = await eve.page.context.new_page()
    await copy.page.goto(OTHER_PAGE)
    await copy.page.evaluate(
        "(kept) => Object.assign(sessionStorage, kept)",
        await eve.page.evaluate("() => ({ ...sessionStorage })"),
    )
    await copy.page.goto(eve.page.url)
    await copy.page.locator(".talk").wait_for()
    # Before it has kept anything of its own.
    await copy.page.reload()
    await copy.is_connected()
    await eve.say("to all tabs")

    await copy.hears("to all tabs")
    assert await copy.page.locator(".warning").count() == 0


async def test_a_browser_that_keeps_nothing_works_and_says_so(talker):
    ann = await talker("Ann", is_new=True)
    await ann.page.add_init_script("delete window.indexedDB; window.indexedDB = undefined;")

    link = await ann.start()
    await ann.is_told("This browser keeps nothing")
    await ann.say("words")
    await ann.has_sent("words")
    await ann.page.reload()

    await expect(ann.button("Join the session")).to_be_visible()
    assert ann.page.url == link


FILL = """() => {
    for (let size = 1_000_000; size >= 1; size = Math.floor(size / 2)) {
        try {
            for (;;) sessionStorage.setItem(`ballast ${sessionStorage.length}`, "x".repeat(size));
        } catch {
            continue; // There is room for less.
        }
    }
}"""
EMPTY = """() => {
    for (const name of Object.keys(sessionStorage)) {
        if (name.startsWith("ballast")) sessionStorage.removeItem(name);
    }
}"""


async def test_a_browser_that_is_full_says_once_what_a_reload_would_do(together, faults):
    ann, bob = together
    settings = ann.page.get_by_role("dialog")
    await ann.open("Session and settings")
    await expect(settings).to_contain_text("You stay who you are when you reload")
    await ann.close()

    await ann.page.evaluate(FILL)
    await ann.say("of this the browser keeps nothing")
    await ann.has_sent("of this the browser keeps nothing")
    await ann.is_told("This browser no longer keeps what happens here")
    assert await faults(ann.page) == []
    await ann.button("^Close$").click()
    await ann.page.evaluate(FILL)
    await ann.say("nor of this")
    await bob.hears("nor of this")
    await ann.open("Session and settings")
    await expect(settings).to_contain_text("This browser no longer keeps what happens here")
    await ann.close()
    await expect(ann.page.get_by_text("This browser no longer keeps")).to_have_count(0)

    await ann.page.evaluate(EMPTY)
    await ann.say("but of this")
    await ann.has_sent("but of this")
    await ann.open("Session and settings")
    await expect(settings).to_contain_text("You stay who you are when you reload")


async def test_a_session_that_falls_silent_ends_and_says_so(meet, clock):
    ann, bob = await meet("Ann", "Bob")
    await ann.attach({"name": "notes.txt", "mimeType": "text/plain", "buffer": b"words"})
    await ann.say("last words")
    await bob.hears("last words")
    await expect(bob.button("^Fetch")).to_be_visible()

    clock.advance(minutes=31)

    await bob.is_told("This session has ended")
    await bob.hears("last words")
    await expect(bob.button("^Fetch")).to_have_count(0)
    await bob.page.reload()
    await bob.is_told("This session is no longer there")
    await bob.button("Start a new session").click()
    await expect(bob.button("Start a session")).to_be_visible()
    assert "#" not in bob.page.url


async def test_a_dialog_of_a_session_that_has_ended_does_not_open_in_the_next_one(talker, clock):
    ann = await talker("Ann")
    await ann.start()
    await ann.open("^Invite$")
    clock.advance(minutes=31)
    await ann.is_told("This session has ended")
    await ann.button("Start a new session").click()

    await ann.start_here()

    await expect(ann.field).to_be_focused()
    await expect(ann.page.get_by_role("dialog")).to_have_count(0)


async def test_a_link_outlives_its_creator_as_long_as_the_session_does(talker, clock):
    ann, bob = await talker("Ann"), await talker("Bob")
    link = await ann.start()
    await ann.leave()

    await bob.join(link)

    await bob.is_connected()


async def test_leaving_forgets_everything_and_takes_the_link_out_of_the_address(together, guest):
    ann, fay = together[0], await guest("Fay")
    await fay.join(ann.page.url)
    await fay.attach({"name": "words.txt", "mimeType": "text/plain", "buffer": b"words"})
    await expect(ann.file("words.txt")).to_be_visible()

    await fay.leave()

    await ann.is_told("\u2068Fay\u2069 left")
    assert "#" not in fay.page.url
    kept = """async () => {
        const database = await new Promise((resolve) => {
            indexedDB.open("hushwire").onsuccess = (told) => resolve(told.target.result);
        });
        const counted = [...database.objectStoreNames].map((name) => new Promise((resolve) => {
            const asked = database.transaction(name).objectStore(name).count();
            asked.onsuccess = () => resolve(asked.result);
        }));
        return [sessionStorage.length, localStorage.length, ...(await Promise.all(counted))];
    }"""
    assert await fay.page.evaluate(kept) == [0, 0, 0, 0, 0]


async def test_leaving_in_one_tab_lets_the_other_come_back_after_a_reload(together, guest):
    ann, gus = together[0], await guest("Gus")
    await gus.join(ann.page.url)
    second = Talker(gus.visitor, "Gus")
    second.page = await gus.page.context.new_page()
    await second.join(ann.page.url)

    # In a tab behind another, Chromium draws next to nothing, and clicks wait for that.
    await gus.page.bring_to_front()
    await gus.leave()
    await second.page.reload()

    await second.is_connected()
    await second.say("still here")
    await ann.hears("still here")


async def test_a_link_that_is_cut_off_or_wrong_says_so(together, guest):
    link, dee = together[0].page.url, await guest("Dee")
    for address, words in (
        (link[:-3], "This link is incomplete"),
        (link[: link.index("#") + 40], "This link is incomplete"),
        (f"{link[: link.index('#')]}#hello", "This is no link to a session"),
    ):
        await dee.page.goto("about:blank")
        await dee.page.goto(address)

        await dee.is_told(words)


async def test_a_link_that_is_pasted_at_the_start_leads_in(together, guest):
    dee = await guest("Dee")
    await dee.come_to_start()

    await dee.paste(f" {together[0].page.url}\n")

    await dee.is_told("You were invited to an encrypted session")


async def test_a_pasted_link_of_another_server_is_told_to_nobody_but_that_one(
    together, talker, serve, faults
):
    link = together[0].page.url
    bob = await talker("Bob", at=await serve())
    await bob.come_to_start()
    await bob.paste(f"Join me in an encrypted session {link}\n")

    await bob.is_told("This link is of another server")
    await expect(bob.page.get_by_role("heading", level=1)).to_be_focused()
    secret = link[link.index("#") + 1 :]
    assert secret not in bob.page.url
    assert bob.visitor.sockets == []
    assert await faults(bob.page) == []
    bob.visitor.expect("asked elsewhere")
    await bob.page.get_by_role("link", name="Open it there").click()

    await bob.is_told("You were invited to an encrypted session")
    assert bob.page.url == link


async def test_what_is_pasted_from_elsewhere_and_is_no_link_of_ours_is_not_offered(talker):
    bob = await talker("Bob")
    for text in ("https://elsewhere.example/#readme", "mailto:ann@elsewhere.example#readme"):
        await bob.come_to_start()

        await bob.paste(text)

        await bob.is_told("This is no link to a session")
        assert await bob.page.get_by_role("link").count() == 0
        assert "#" not in bob.page.url


PASTED = {
    "AbC": ["AbC", None],
    "  #AbC\n": ["AbC", None],
    "https://here.example/talk/#AbC": ["AbC", None],
    "https://here.example/talk/index.html?x#AbC see you": ["AbC", None],
    "here.example/talk/#AbC": ["AbC", None],
    "Come to https://here.example/talk/#AbC": ["AbC", None],
    "https://here.example/#AbC": ["AbC", "https://here.example/#AbC"],
    "https://here.example/another/#AbC": ["AbC", "https://here.example/another/#AbC"],
    "http://here.example/talk/#AbC": ["AbC", "http://here.example/talk/#AbC"],
    "https://here.example:444/talk/#AbC": ["AbC", "https://here.example:444/talk/#AbC"],
    "https://here.example@elsewhere.example/talk/#AbC": [
        "AbC",
        "https://here.example@elsewhere.example/talk/#AbC",
    ],
    "localhost:8080/#AbC": ["AbC", "https://localhost:8080/#AbC"],
    "javascript://here.example/talk/#AbC": ["", None],
    "https://#AbC": ["", None],
}


async def test_a_pasted_link_is_of_this_server_only_if_its_address_is(quiet_page):
    read = await quiet_page.evaluate(
        """async (texts) => {
            const { readPasted } = await import("/client/page/pasted.js");
            return texts.map((text) => {
                const read = readPasted(text, "https://here.example/talk/?a=b");
                return [read.fragment, read.elsewhere?.href ?? null];
            });
        }""",
        list(PASTED),
    )

    assert dict(zip(PASTED, read, strict=True)) == PASTED
