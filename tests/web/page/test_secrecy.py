"""What the page sends, and what it says when a relay is not to be trusted."""

import json

import pytest
import pytest_asyncio
from playwright.async_api import expect

from scripts.demo_parts.canary import Needles, new_canary
from scripts.demo_parts.protocol.link import read_link
from tests.web.page.conftest import WIDE
from tests.web.page.talkers import Talker, frames_from_relay, windows

pytestmark = pytest.mark.asyncio(loop_scope="session")

CANARY = new_canary("[canary]")


async def test_what_is_kept_for_a_reload_is_ciphertext(meet):
    ann, _ = await meet(f"Ann {CANARY.text}", "Bob")
    await ann.say(CANARY.text)
    await ann.has_sent(CANARY.text)

    kept = await ann.page.evaluate("() => JSON.stringify(sessionStorage)")

    assert len(kept) > 200
    hidden = Needles([CANARY], windows(read_link(ann.page.url).secret))
    assert hidden.found_in(kept.encode()) == set()


def once(change):
    """Change the next message that comes, and none after it."""
    is_done = False

    def changed(frame):
        nonlocal is_done
        if is_done or not isinstance(frame, str) or '"new-message"' not in frame:
            return [frame]
        is_done = True
        return change(frame)

    return changed


def damaged(frame):
    head, body = frame.split("[", 1)
    event, message, *offset = json.loads("[" + body)
    text = message["encrypted"]
    middle = len(text) // 2
    message["encrypted"] = (
        text[:middle] + ("A" if text[middle] != "A" else "B") + text[middle + 1 :]
    )
    return [head + json.dumps([event, message, *offset])]


HARMS = {
    "withheld": (lambda frame: [], "1 message of \u2068Bob\u2069 did not arrive"),
    "repeated": (lambda frame: [frame, frame], "Something old of \u2068Bob\u2069 was sent again"),
    "changed": (damaged, "A message in the name of \u2068Bob\u2069 was refused"),
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def cheated(house):
    """Ann, whose relay can be made to cheat, and Bob."""
    async with house.visits() as invite:
        ann, bob = [Talker(await invite(viewport=WIDE), name) for name in ("Ann", "Bob")]
        async with frames_from_relay(ann) as changes:
            await bob.join(await ann.start())
            await ann.sees_people("Bob")
            yield ann, bob, changes


@pytest.mark.parametrize("harm", HARMS)
async def test_what_a_hostile_relay_does_is_shown_and_explained(cheated, harm):
    change, words = HARMS[harm]
    ann, bob, changes = cheated
    await bob.say(f"before it is {harm}")
    await ann.hears(f"before it is {harm}")
    warning = ann.page.locator(".warning").filter(has_text=words)
    await expect(warning).to_have_count(0)
    changes[:] = [once(change)]

    await bob.say(f"to be {harm}")
    await bob.has_sent(f"to be {harm}")
    await bob.say(f"after it was {harm}")

    await ann.hears(f"after it was {harm}")
    await expect(warning).to_be_visible()
    await warning.get_by_text("What does this mean?").click()
    await expect(warning.locator("details p")).to_be_visible()
