"""People in a real browser, each with a context of its own, whose every slip is noted."""

import json
import os
import re
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any, Self
from urllib.parse import urlsplit

from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Playwright,
    Request,
    WebSocket,
)

from tests.servers import RunningServer

LAUNCH_ARGUMENTS = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-sync",
    # A page is many requests, of which each costs less without a process between.
    "--enable-features=NetworkServiceInProcess2",
    "--no-first-run",
)


def chromium_path() -> str:
    """Where Chromium is: what `CHROMIUM` names, or `chromium` on the PATH.

    Raises:
        FileNotFoundError: Nowhere.
    """
    wanted = os.environ.get("CHROMIUM") or "chromium"
    found = shutil.which(wanted)
    if not found:
        raise FileNotFoundError(
            f"{wanted} was not found; on Debian, as root: apt-get install "
            "chromium-headless-shell, and name it in CHROMIUM, as scripts/test does"
        )
    return found


async def launch(playwright: Playwright) -> Browser:
    # Chromium's sandbox does not work for root.
    return await playwright.chromium.launch(
        executable_path=chromium_path(),
        chromium_sandbox=os.geteuid() != 0,
        args=list(LAUNCH_ARGUMENTS),
    )


class Chromium:
    """A browser for many tests: if it dies, only the tests fail that have it open."""

    _browser: Browser | None = None

    def __init__(self, playwright: Playwright) -> None:
        self._playwright = playwright

    async def new_context(self, **options: Any) -> BrowserContext:
        """Have somebody begin, in another browser if there is none any more."""
        if not (self._browser and self._browser.is_connected()):
            self._browser = await launch(self._playwright)
        return await self._browser.new_context(**options)

    async def close(self) -> None:
        if self._browser:
            await self._browser.close()


class Visitor:
    """Somebody with a browser, who opens pages of one server.

    Attributes:
        page: The first tab. Addresses are relative to the server: `page.goto("/")`.
        context: Opens more tabs of the same person.
        requests: All that were made, of all tabs; upgrades to WebSockets are in `sockets`.
        sockets: All WebSockets that were opened, of all tabs.
        frames_sent: What went out over them.
        console: Whatever was said there: "error: …", "log: …".
        violations: What the content security policy forbade in the first tab: the directives.
        errors: The errors on the console, and exceptions that nobody caught.
        is_at_start: The first tab shows the start already, as to somebody new.
        is_used_up: A test has changed the browser in a way that does not end with it.
    """

    page: Page
    is_at_start = False
    is_used_up = False

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.context = context
        self._url = url
        self._expected: list[str] = []
        self.requests: list[Request] = []
        self.sockets: list[WebSocket] = []
        self.frames_sent: list[str | bytes] = []
        self.console: list[str] = []
        self.errors: list[str] = []
        self.violations: list[str] = []
        context.on("console", self._said)
        context.on("page", self._opened)
        context.on("request", self._asked)
        context.on("weberror", lambda slip: self.errors.append(f"uncaught: {slip.error}"))

    async def open(self) -> Self:
        """Open the first tab, which is empty."""
        self.page = await self.context.new_page()
        devtools = await self.context.new_cdp_session(self.page)
        devtools.on("Audits.issueAdded", self._complained)
        await devtools.send("Audits.enable")
        return self

    def expect(self, *patterns: str) -> None:
        """Errors and violations that match one of these are what the test is about."""
        self._expected += patterns

    def forget(self) -> None:
        """Begin anew: nothing was asked, said or wrong, and nothing is expected."""
        noted = (self.requests, self.sockets, self.frames_sent, self.console, self.errors)
        for each in (*noted, self.violations, self._expected):
            each.clear()

    @property
    def is_alive(self) -> bool:
        """Whether the browser has not died."""
        browser = self.context.browser
        return browser is not None and browser.is_connected()

    @property
    def is_at_home(self) -> bool:
        """Whether the first tab shows the page of its server."""
        return not self.page.is_closed() and self.page.url.partition("#")[0] == f"{self._url}/"

    @property
    def slips(self) -> list[str]:
        """What should not have happened: errors, violations, requests to other servers."""
        asked = [*(one.url for one in self.requests), *(one.url for one in self.sockets)]
        strays = [f"asked elsewhere: {url}" for url in asked if not self._is_ours(url)]
        slips = [*self.errors, *self.violations, *strays]
        return [one for one in slips if not any(re.search(p, one) for p in self._expected)]

    def all_sent(self) -> Iterator[bytes]:
        """All that has left the pages: addresses, headers, bodies, and the frames of WebSockets."""
        for request in self.requests:
            yield request.url.encode()
            yield json.dumps(request.headers).encode()
            yield request.post_data_buffer or b""
        for socket in self.sockets:
            yield socket.url.encode()
        for frame in self.frames_sent:
            yield frame.encode() if isinstance(frame, str) else frame

    def _is_ours(self, url: str) -> bool:
        address = urlsplit(url)
        return address.scheme in ("blob", "data") or address.netloc == urlsplit(self._url).netloc

    def _asked(self, request: Request) -> None:
        self.requests.append(request)

    def _said(self, message: ConsoleMessage) -> None:
        said = f"{message.type}: {message.text}"
        self.console.append(said)
        if message.type == "error":
            self.errors.append(said)

    def _opened(self, page: Page) -> None:
        page.on("websocket", self._connected)

    def _connected(self, socket: WebSocket) -> None:
        self.sockets.append(socket)
        socket.on("framesent", self._sent)

    def _sent(self, payload: str | bytes) -> None:
        self.frames_sent.append(payload)

    def _complained(self, event: dict[str, Any]) -> None:
        details = event["issue"]["details"].get("contentSecurityPolicyIssueDetails")
        if details:
            blocked = details.get("blockedURL", "")
            self.violations.append(f"violated: {details['violatedDirective']} {blocked}".strip())


Invite = Callable[..., Awaitable[Visitor]]


@asynccontextmanager
async def visits(chromium: Chromium, relay: RunningServer) -> AsyncIterator[Invite]:
    """Bring people with a browser each: `alice = await invite()`; at the end all of them go.

    They open pages of `relay`, or of the server that is given as `at`; other options are
    those of Playwright's `new_context`.

    Raises:
        AssertionError: Somebody met an error, a violation of the policy or a request to elsewhere
            that was not to be expected.
    """
    visitors: list[Visitor] = []

    async def invite(at: RunningServer = relay, **options: Any) -> Visitor:
        context = await chromium.new_context(base_url=at.url, **options)
        visitors.append(Visitor(context, at.url))
        return await visitors[-1].open()

    yield invite
    for visitor in visitors:
        await visitor.context.close()
    slips = [slip for visitor in visitors for slip in visitor.slips]
    assert slips == [], "\n".join(slips)
