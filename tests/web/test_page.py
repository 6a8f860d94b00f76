"""The built-in page in a real Chromium."""

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_the_page_opens_without_a_word_on_the_console(people):
    alice = await people()

    answer = await alice.page.goto("/")

    assert answer.status == 200
    assert await alice.page.title() == "Hushwire"
    assert alice.console == []


async def test_the_page_is_open_to_everybody(page, axe):
    await page.goto("/")

    assert await axe(page) == []
