"""Browsers that stay open after a test, as loading the page costs more than most tests do."""

from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from tests.clocks import ManualClock
from tests.servers import RunningServer, until
from tests.web.visitors import Chromium, Invite, Visitor, visits

LIMIT_S = 20

GO_TO_START = """async () => {
    const load = (name) => import(new URL(`client/page/${name}.js`, location.href));
    const { goToStart, leaveSession, leaveStrangers, screen } = await load("screens");
    const shown = screen.value;
    if (shown.at === "talk") await leaveSession(shown.conversation);
    if (shown.at === "strangers") await leaveStrangers(shown.visit);
    const until = async (isSo) => {
        while (!isSo()) await new Promise((resolve) => setTimeout(resolve));
    };
    // Something else is shown in between, so that nothing stays in the fields.
    screen.value = { at: "loading", words: "" };
    await until(() => document.querySelector("main.loading"));
    sessionStorage.clear();
    // Tabs that were closed have left nothing in order: what they kept would stay for a day.
    for (const { name } of await indexedDB.databases()) {
        const kept = await new Promise((resolve) => {
            indexedDB.open(name).onsuccess = (told) => resolve(told.target.result);
        });
        const clearing = kept.transaction(kept.objectStoreNames, "readwrite");
        for (const store of kept.objectStoreNames) clearing.objectStore(store).clear();
        await new Promise((resolve) => { clearing.oncomplete = resolve; });
        kept.close();
    }
    goToStart();
    await until(() => document.querySelector(".facts"));
}"""
"""Leave as the page does it, and show the start as to somebody new."""


class House:
    """A server, and browsers that stand at the start of its page.

    Attributes:
        clock: The server's, which stands still during a test.
        relay: The server.
    """

    def __init__(
        self,
        chromium: Chromium,
        relay: RunningServer,
        clock: ManualClock,
        failures: Callable[[], int],
    ) -> None:
        """Open the house.

        Args:
            failures: How many tests have failed so far. What one of these leaves behind is no
                trouble of the next: its browsers are closed.
        """
        self.clock = clock
        self.relay = relay
        self._chromium = chromium
        self._failures = failures
        self._idle: dict[str, list[Visitor]] = defaultdict(list)

    @asynccontextmanager
    async def visits(self) -> AsyncIterator[Invite]:
        """Bring people with a browser each, as `visits` does; afterwards those browsers are kept.

        Who goes to another server has a new browser, and who is to be `is_new`.
        """
        before, failures = self.relay.connections, self._failures()
        lent: list[tuple[str, Visitor]] = []
        async with visits(self._chromium, self.relay) as invite_anew:

            async def invite(*, is_new: bool = False, **options: Any) -> Visitor:
                if is_new or "at" in options:
                    return await invite_anew(**options)
                lent.append((repr(options), await self._one(**options)))
                return lent[-1][1]

            try:
                yield invite
            except BaseException:
                for _, visitor in lent:
                    await visitor.context.close()
                raise
        for _, visitor in lent:
            visitor.is_used_up |= self._failures() != failures
        await self._take_back(lent, before)

    async def _one(self, **options: Any) -> Visitor:
        idle = self._idle[repr(options)]
        while idle:
            one = idle.pop()
            if one.is_alive:
                return one
        context = await self._chromium.new_context(base_url=self.relay.url, **options)
        return await Visitor(context, self.relay.url).open()

    async def _take_back(self, lent: list[tuple[str, Visitor]], before: int) -> None:
        kept = [(kind, one) for kind, one in lent if await _is_at_start(one)]
        slips = [slip for _, visitor in lent for slip in visitor.slips]
        # Whoever has gone is missed then, and every rate starts anew.
        await until(lambda: self.relay.connections <= before, LIMIT_S)
        self.clock.advance(minutes=1)
        await self.relay.expire()
        for kind, visitor in kept:
            visitor.forget()
            self._idle[kind].append(visitor)
        assert slips == [], "\n".join(slips)
        self.relay.check_answers()

    async def close(self) -> None:
        for visitor in [one for some in self._idle.values() for one in some]:
            await visitor.context.close()


async def _is_at_start(visitor: Visitor) -> bool:
    """Bring a browser back to the start, or close it, if it is not as others are any more."""
    page, context = visitor.page, visitor.context
    if visitor.is_used_up or not visitor.is_at_home:
        await context.close()
        return False
    for other in context.pages:
        if other is not page:
            await other.close()
    await page.evaluate(GO_TO_START)
    await context.clear_permissions()
    await page.emulate_media(color_scheme="null", reduced_motion="null")
    visitor.is_at_start = True
    return True
