"""People who talk through the page, and see what it shows them."""

import re
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from playwright.async_api import FilePayload, Locator, Page, expect

from tests.web.visitors import Visitor

PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}

RESTS = """() => !document.querySelector("dialog[open]") &&
    [...document.querySelectorAll("textarea, select")].every((one) => one.value === "")"""
"""Nothing is open, nothing is begun, and the next message is for everyone."""


class Talker:
    """Somebody in front of the page.

    Attributes:
        visitor: The browser: its requests, frames and slips.
        page: The tab that is looked at.
    """

    def __init__(self, visitor: Visitor, name: str) -> None:
        self.visitor = visitor
        self.page: Page = visitor.page
        self.name = name

    async def start(self, *, shares: bool = False) -> str:
        """Start a session, and return the link to it."""
        await self.come_to_start()
        return await self.start_here(shares=shares)

    async def start_here(self, *, shares: bool = False) -> str:
        """Start a session from the page's start, where one is."""
        await self.page.get_by_label("Your name").fill(self.name)
        if shares:
            await self.page.get_by_role("switch").check()
        await self.page.get_by_role("button", name="Start a session").click()
        await self.is_connected()
        return self.page.url

    async def come_to_start(self) -> None:
        """Open the page, unless it is open and at its start."""
        if not self.visitor.is_at_start:
            await self.page.goto("./")
        self.visitor.is_at_start = False

    async def follow(self, link: str) -> None:
        """Open a link, or give it to a page that is at its start."""
        if not self.visitor.is_at_start:
            await self.page.goto(link)
            return
        self.visitor.is_at_start = False
        await self.paste(link)

    async def paste(self, text: str) -> None:
        await self.page.get_by_text("Have a link?").click()
        await self.page.get_by_label("Paste an invitation link").fill(text)
        await self.button("^Open$").click()

    async def join(self, link: str) -> None:
        await self.follow(link)
        await self.come_in()

    async def come_in(self) -> None:
        """Join by the link that has been followed."""
        join = self.page.get_by_role("button", name="Join the session")
        await expect(join).to_be_visible()
        await self.page.get_by_label("Your name").fill(self.name)
        await join.click()
        await self.is_connected()

    async def is_connected(self) -> None:
        await expect(self.page.locator(".standing")).to_have_class(re.compile("is-connected"))

    async def sees_people(self, *names: str) -> None:
        """Those who are here, besides oneself."""
        for name in names:
            await expect(self.page.get_by_role("heading", level=1)).to_contain_text(name)

    async def counts(self, people: int) -> None:
        """So many people are here, oneself included."""
        await expect(self.page.get_by_role("button", name=f"People: {people} ")).to_have_count(1)

    async def rest(self, people: int) -> None:
        """Have nothing open, nothing begun, and so many people here."""
        await self.counts(people)
        if await self.page.evaluate(RESTS):
            return
        if await self.page.get_by_role("dialog").count():
            await self.close()
        await self.field.fill("")
        choice = self.page.get_by_role("combobox", name="To")
        if await choice.count():
            await choice.select_option("")

    async def leave(self) -> None:
        """Leave the session, and have all of it forgotten."""
        await self.open("Session and settings")
        await self.open("Leave and forget…")
        await self.button("^Leave and forget$").click()
        await self.is_told("You have left")

    async def say(self, text: str) -> None:
        await self.field.fill(text)
        await self.field.press("Enter")
        await expect(self.field).to_have_value("")

    async def write_to(self, name: str | None) -> None:
        """Choose for whom the next messages are; None is everybody."""
        choice = f"Only \u2068{name}\u2069" if name else "Everyone"
        await self.page.get_by_role("combobox", name="To").select_option(label=choice)

    async def hears(self, text: str) -> Locator:
        message = self.message(text)
        await expect(message).to_have_count(1)
        return message

    async def has_sent(self, text: str) -> None:
        await expect(self.message(text).get_by_text("Sent", exact=True)).to_have_count(1)

    async def is_told(self, words: str) -> None:
        """By the page, in the course of the conversation or in its place."""
        await expect(self.page.get_by_text(words).first).to_be_visible()

    async def open(self, name: str) -> Locator:
        """Open a dialog by a button's name."""
        await self.button(name).click()
        dialog = self.page.get_by_role("dialog")
        await expect(dialog).to_be_visible()
        return dialog

    async def close(self) -> None:
        await self.page.keyboard.press("Escape")
        await expect(self.page.get_by_role("dialog")).to_have_count(0)

    async def open_person(self, name: str) -> None:
        """What can be done about somebody: in the list beside the conversation."""
        shown = re.compile(rf"^\W*{re.escape(name)}\b")
        line = self.page.get_by_role("complementary").get_by_role("button", name=shown)
        if await line.get_attribute("aria-expanded") != "true":
            await line.click()

    async def attach(self, *files: str | Path | FilePayload) -> None:
        await self.page.locator("input[type=file]").set_input_files(files)  # type: ignore[arg-type]

    def file(self, name: str) -> Locator:
        """What is shown of a file, with all that can be done with it."""
        return self.page.locator(".file").filter(has_text=name)

    def message(self, text: str) -> Locator:
        return self.page.get_by_role("article").filter(has_text=text)

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=re.compile(name)).last

    async def texts(self) -> list[str]:
        """What was said, in the order in which it is shown."""
        return await self.page.locator(".said").all_inner_texts()

    @property
    def field(self) -> Locator:
        return self.page.get_by_label("Write a message")


async def reads_further_up(reader: Talker, writer: Talker, words: str) -> None:
    """Have somebody read at the beginning, while the end of it is out of sight."""
    await writer.say("\n".join(f"line {number} of {words}" for number in range(15)))
    await writer.say("\n".join(f"row {number} of {words}" for number in range(15)))
    await reader.hears(f"row 14 of {words}")
    log = reader.page.get_by_role("log")
    await log.press("Home")
    # The way there is an animation, which would go on beneath whatever comes next.
    await expect(log).to_have_js_property("scrollTop", 0)
    await expect(reader.button("Jump to the latest")).to_be_visible()


def windows(secret: bytes) -> list[bytes]:
    """Parts of a secret that would already tell too much."""
    return [secret[at : at + 9] for at in range(len(secret) - 8)]


@asynccontextmanager
async def frames_from_relay(talker: Talker) -> Any:
    """Stand between somebody's page and its relay: a list of functions that get each frame.

    Each returns the frames that the page is given instead.
    """
    changes: list[Any] = []

    async def stand_between(socket: Any) -> None:
        relay = socket.connect_to_server()

        def pass_on(frame: str | bytes) -> None:
            frames = [frame]
            for change in changes:
                frames = [new for old in frames for new in change(old)]
            for one in frames:
                socket.send(one)

        relay.on_message(pass_on)

    talker.visitor.is_used_up = True
    talker.visitor.is_at_start = False  # Only a page that is loaded from now on goes that way.
    await talker.page.route_web_socket(re.compile("/socket.io/"), stand_between)
    yield changes
