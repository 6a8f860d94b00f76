"""People who meet strangers through the page."""

import re
from typing import Any

from playwright.async_api import APIResponse, Locator, expect

from tests.servers import until
from tests.web.page.talkers import Talker

MEET = "Meet strangers"


class Stranger(Talker):
    """Somebody in a random group.

    Attributes:
        token: With it the relay takes anybody for this one.
    """

    token = ""

    async def enter(self) -> None:
        """Open the page, and come into a group."""
        await self.look()
        await self.ask_for_group()
        await self.is_connected()
        await until(lambda: self.token)

    async def look(self) -> None:
        """Open the page."""
        await self.come_to_start()
        await expect(self.page.get_by_role("button", name=MEET)).to_be_visible()

    async def ask_for_group(self) -> None:
        await self.page.get_by_label("Your pseudonym").fill(self.name)
        self.page.on("response", self._noted)
        await self.page.get_by_role("button", name=MEET).click()

    async def find_room(self, places: int) -> None:
        """Move on from group to group, until one has so many places: of 3 to 10, chance says."""
        while await self.places() < places:
            before = await self.page.locator(".talk").element_handle()
            await self.button("^Next$").click()
            # By names groups cannot be told apart: two may have the same.
            await self.page.wait_for_function("(one) => !one.isConnected", arg=before)

    async def places(self) -> int:
        said = await self.page.locator(".places").inner_text()
        return int(re.findall(r"\d+", said)[1])

    async def group_name(self) -> str:
        return await self.title.inner_text()

    def person(self, name: str) -> Locator:
        """A line in the list of people beside the talk."""
        return self.page.get_by_role("complementary").get_by_role("listitem").filter(has_text=name)

    async def leave(self) -> None:
        await self.button("^Leave$").click()
        await self.button("^Leave and forget$").click()
        await self.is_told("You have left your group")

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Ask the relay as this one, beside the page."""
        headers = {"authorization": f"Bearer {self.token}"}
        request = self.page.context.request
        answer: APIResponse = await request.fetch(path, method=method, headers=headers, data=body)
        return await answer.json()

    async def group_id(self) -> str:
        return str((await self.ask("GET", "/api/groups/current"))["group"]["id"])

    @property
    def title(self) -> Locator:
        return self.page.get_by_role("heading", level=1)

    async def _noted(self, response: Any) -> None:
        if response.url.endswith("/api/auth/guest") and response.ok:
            self.token = (await response.json())["token"]
