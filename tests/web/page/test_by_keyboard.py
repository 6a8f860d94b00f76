"""People who use the page without a mouse."""

import pytest
from playwright.async_api import expect

pytestmark = pytest.mark.asyncio(loop_scope="session")

MAX_STEPS = 20

SHOWN = """(one) => {
    const { outlineStyle, outlineWidth } = getComputedStyle(one);
    return one.matches(":focus-visible") && outlineStyle !== "none" && outlineWidth !== "0px";
}"""


async def go_to(talker, name):
    """Press Tab until a button of that name has the focus, which must be seen on each way."""
    for _ in range(MAX_STEPS):
        await talker.page.keyboard.press("Tab")
        focused = talker.page.locator("button:focus")
        if await focused.count() == 0:
            continue
        assert await focused.evaluate(SHOWN), await focused.inner_text()
        if await talker.page.get_by_role("button", name=name, exact=True).and_(focused).count():
            return
    pytest.fail(f"{name} was not reached in {MAX_STEPS} steps")


async def test_a_session_is_begun_used_and_left_by_keyboard_alone(talker):
    ann = await talker("Ann")
    keyboard = ann.page.keyboard
    await ann.page.goto("/")
    await expect(ann.button("Start a session")).to_be_visible()
    await keyboard.press("Tab")
    await keyboard.type("Ann")
    await keyboard.press("Enter")
    await ann.is_connected()

    await keyboard.type("to whom it may concern")
    await keyboard.press("Enter")
    await ann.has_sent("to whom it may concern")

    await go_to(ann, "Session and settings")
    await keyboard.press("Enter")
    await expect(ann.page.get_by_role("dialog")).to_be_visible()
    await ann.close()
    await expect(ann.button("Session and settings")).to_be_focused()

    await keyboard.press("Enter")
    await expect(ann.page.get_by_role("dialog")).to_be_visible()
    await go_to(ann, "Leave and forget…")
    await keyboard.press("Enter")
    await expect(ann.button("^Stay$")).to_be_focused()
    await go_to(ann, "Leave and forget")
    await keyboard.press("Enter")
    await expect(ann.page.get_by_role("heading", name="You have left")).to_be_focused()

    await go_to(ann, "Start a new session")
    await keyboard.press("Enter")
    await expect(ann.page.get_by_label("Your name")).to_be_visible()
