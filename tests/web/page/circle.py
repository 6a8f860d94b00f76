"""People who stay together for several tests, where to meet anew would prove nothing more."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any

from tests.servers import until
from tests.web.page.house import House

LIMIT_S = 20


class Circle:
    """The same people in a house, test after test, until one of those fails.

    Attributes:
        clock: The server's, which stands still during a test.
        relay: The server.
        people: Those who are together.
    """

    def __init__(
        self, house: House, bring: Callable[[], AbstractAsyncContextManager[Sequence[Any]]]
    ) -> None:
        """Keep people for later.

        Args:
            house: Whose server and clock they have.
            bring: Brings the people, who are together.
        """
        self._bring = bring
        self._stack = AsyncExitStack()
        self.clock = house.clock
        self.relay = house.relay
        self.people: Sequence[Any] = ()

    @asynccontextmanager
    async def lent(self, failures: Callable[[], int]) -> AsyncIterator[Sequence[Any]]:
        """Have them for one test, after which they are at rest again.

        Args:
            failures: How many tests have failed so far. After one more they part, so that what
                it left behind is no trouble of the next.

        Raises:
            AssertionError: Somebody met an error, a violation of the policy or a request to
                elsewhere.
        """
        if not all(one.visitor.is_alive for one in self.people):
            await self.part()
        if not self.people:
            self.people = await self._stack.enter_async_context(self._bring())
        before, are_well = failures(), False
        try:
            yield self.people
            if failures() == before:
                await self._come_to_rest()
                are_well = True
        finally:
            if not are_well:
                await self.part()

    async def _come_to_rest(self) -> None:
        slips = [slip for one in self.people for slip in one.visitor.slips]
        assert slips == [], "\n".join(slips)
        for one in self.people:
            one.visitor.forget()
        # Others whose pages have closed are gone then, and every rate starts anew.
        await until(lambda: self.relay.connections == len(self.people), LIMIT_S)
        self.clock.advance(minutes=1)
        for one in self.people:
            await one.rest(len(self.people))

    async def part(self) -> None:
        self.people = ()
        await self._stack.aclose()
