"""Files for which there is no room, that have gone, and that nobody has asked for."""

import os
import re

import pytest
from playwright.async_api import expect

from tests.web.page.talkers import Talker
from tests.web.page.test_files import named, png, saved

pytestmark = pytest.mark.asyncio(loop_scope="session")


ROOM_BYTES = 500_000
BODY = os.urandom(1_500_000)
NO_ROOM = "There is no room for it in this browser"


class Disk:
    """What the browser of somebody may store: there is room for keys, and for small files.

    Chromium remembers for a while how much room there was, so less of it comes before the session.
    """

    def __init__(self, devtools, origin):
        self._devtools = devtools
        self._origin = origin

    @classmethod
    async def of(cls, talker):
        await talker.page.goto("/")
        devtools = await talker.page.context.new_cdp_session(talker.page)
        disk = cls(devtools, await talker.page.evaluate("location.origin"))
        await disk._allow(quotaSize=ROOM_BYTES)
        return disk

    async def clear(self):
        await self._allow()

    async def _allow(self, **quota):
        command = "Storage.overrideQuotaForOrigin"
        await self._devtools.send(command, {"origin": self._origin, **quota})


async def test_what_there_is_no_room_for_says_so_where_it_is_and_comes_once_there_is(
    talker, faults
):
    ann, bob = await talker("Ann"), await talker("Bob", is_new=True)
    disk = await Disk.of(bob)
    await bob.join(await ann.start())
    await ann.attach(named("minutes.pdf", BODY))
    fetch = bob.file("minutes.pdf").get_by_role("button", name="Fetch")

    await fetch.click()
    await expect(bob.file("minutes.pdf")).to_contain_text(NO_ROOM)
    assert await faults(bob.page) == []
    await ann.attach(named("harbour.png", png(600, 400) + BODY, "image/png"))
    await expect(bob.file("harbour.png")).to_contain_text(NO_ROOM)
    await bob.button("Open the picture").click()
    dialog = bob.page.get_by_role("dialog")
    await expect(dialog.get_by_role("alert")).to_contain_text("There is no room for it")

    await disk.clear()
    await dialog.get_by_role("button", name="Fetch").click()
    await expect(dialog.get_by_role("img")).to_have_js_property("naturalWidth", 600)
    await bob.close()
    await fetch.click()
    assert await saved(bob, "minutes.pdf") == ("minutes.pdf", BODY)
    await expect(bob.page.get_by_text("There is no room")).to_have_count(0)


async def test_a_file_for_which_there_is_no_room_is_not_sent_and_leaves_nothing(talker):
    ann, bob = await talker("Ann", is_new=True), await talker("Bob")
    await Disk.of(ann)
    await bob.join(await ann.start())

    await ann.attach(named("minutes.pdf", BODY))

    await ann.is_told(NO_ROOM)
    assert await ann.page.evaluate(CHUNKS) == 0
    await ann.say("no minutes today")
    await bob.hears("no minutes today")
    assert await bob.page.locator(".file").count() == 0


CHUNKS = """async () => {
    const answer = (asked) => new Promise((resolve) => {
        asked.onsuccess = () => resolve(asked.result);
    });
    const database = await answer(indexedDB.open("hushwire"));
    return answer(database.transaction("chunks").objectStore("chunks").count());
}"""


async def test_what_another_tab_has_forgotten_is_told_to_be_gone_and_one_can_still_leave(meet):
    ann, bob = await meet("Ann", "Bob")
    await ann.attach(named("notes.txt", b"words"))
    await expect(ann.button("^Save")).to_be_visible()
    other = Talker(ann.visitor, "Ann")
    other.page = await ann.page.context.new_page()
    await other.page.goto("/")
    await other.button("Forget all sessions").click()
    await other.is_told("Everything was forgotten")
    await ann.page.bring_to_front()

    await ann.is_told("This browser no longer keeps what happens here")
    await ann.button("^Save").click()
    await ann.is_told("It is no longer stored on this device")
    await ann.button("^Fetch").click()
    await ann.is_told("There is no room for it in this browser")

    await bob.button("^Fetch").click()
    await bob.is_told("Waiting for somebody who has it")
    await ann.leave()


async def test_pictures_come_unasked_until_they_are_too_many_and_then_wait_for_a_click(meet):
    ann, bob = await meet("Ann", "Bob")
    small = png(64, 64)

    await ann.attach(*(named(f"{number}.png", small, "image/png") for number in range(22)))

    files = bob.page.locator(".file")
    await expect(files).to_have_count(22)
    await expect(bob.page.get_by_role("button", name=re.compile("^Save"))).to_have_count(20)
    await expect(bob.page.get_by_role("button", name=re.compile("^Fetch"))).to_have_count(2)
    await bob.button("Open the picture").click()
    await expect(bob.page.get_by_role("dialog").get_by_role("img")).to_be_visible()
    await bob.close()
    await expect(bob.page.get_by_role("button", name=re.compile("^Fetch"))).to_have_count(1)


TAKEN = """async (asked) => {
    const { Allowance } = await import("/client/page/allowance.js");
    const allowance = new Allowance();
    return asked.map(([id, sender, size]) => allowance.take({ id, size }, sender));
}"""

M = 1_000_000


@pytest.mark.parametrize(
    ("asked", "taken"),
    [
        pytest.param([("a", "Ann", 2 * M), ("b", "Ann", 2 * M + 1)], [True, False], id="large"),
        pytest.param([("a", "Ann", 9), ("a", "Ann", 9)], [True, False], id="once each"),
        pytest.param(
            [*((f"{n}", "Ann", 1) for n in range(21)), ("b", "Bob", 1)],
            [*[True] * 20, False, True],
            id="many of one",
        ),
        pytest.param(
            [*((f"{n}", "Ann", 2 * M) for n in range(6)), ("a", "Ann", 1), ("b", "Bob", 1)],
            [*[True] * 5, False, False, True],
            id="much of one",
        ),
        pytest.param(
            [(f"{n}", f"{n}", 1) for n in range(61)], [*[True] * 60, False], id="many of all"
        ),
        pytest.param(
            [(f"{n}", f"{n}", 2 * M) for n in range(16)], [*[True] * 15, False], id="much of all"
        ),
    ],
)
async def test_what_is_fetched_unasked_has_bounds_for_each_and_for_all(quiet_page, asked, taken):
    assert await quiet_page.evaluate(TAKEN, asked) == taken
