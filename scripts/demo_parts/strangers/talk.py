"""Meeting strangers from a terminal, line by line."""

from collections.abc import Callable

from scripts.demo_parts.line import DemoError
from scripts.demo_parts.protocol.contents import TEXT_CHARS
from scripts.demo_parts.strangers.inbox import Entry
from scripts.demo_parts.strangers.member import GroupMember
from scripts.demo_parts.strangers.people import Stranger
from scripts.demo_parts.strangers.visitor import Visitor
from scripts.demo_parts.terminal import typed_lines, until_over

HELP = (
    "TEXT goes to all; /who, /numbers, /next, /leave; "
    "/trust NAME, /block NAME, /report NAME REASON (which shows operators all that NAME has said)"
)


class StrangersTalk:
    """One person at a terminal.

    What others write is shown without control characters, so that it can do nothing to it.
    """

    def __init__(self, url: str, login: str, show: Callable[[str], None]) -> None:
        self._url = url
        self._login = login
        self._show = show
        self._shown: dict[int, str] = {}
        self._notices = 0
        self._group: GroupMember | None = None

    async def run(self) -> None:
        """Meet people, and talk until the input ends, or the group or the connection does.

        Raises:
            DemoError: There is no way in, or the connection was lost.
        """
        self._visitor = await Visitor.enter(self._url, self._login)
        await self._visitor.connect()
        try:
            self._enter(await self._visitor.meet())
            self._show(f"you are {_plain(self._visitor.login)}; {HELP}")
            await self._talk()
        finally:
            await self._visitor.disconnect()

    def _enter(self, group: GroupMember) -> None:
        self._group, self._shown, self._notices = group, {}, 0
        self._show(_plain(f"in {group.name}, with {', '.join(self._names()) or 'nobody yet'}"))

    async def _talk(self) -> None:
        await until_over(self._visitor.line, self._show_news(), self._say_lines())

    # --- what is heard ---

    async def _show_news(self) -> None:
        while not self._here().ended:
            self._show_new_ones()
            await self._visitor.line.news.wait()
        self._show(f"! the group has ended for you: {self._here().ended}")

    def _show_new_ones(self) -> None:
        group = self._here()
        for entry in group.inbox.entries:
            state = f"{entry.status} {entry.reason}"
            if self._shown.get(id(entry)) != state:
                self._shown[id(entry)] = state
                self._show(_plain(f"{self._name(entry.sender)}: {_said(entry)}"))
        for notice in group.notices[self._notices :]:
            count = f", {notice.count} messages" if notice.count else ""
            self._show(_plain(f"! {notice.code}: {self._name(notice.user_id)}{count}"))
        self._notices = len(group.notices)

    # --- what is said ---

    async def _say_lines(self) -> None:
        async for line in typed_lines():
            await self._try(line.strip())
        await self._visitor.leave()

    async def _try(self, line: str) -> None:
        try:
            await self._obey(line)
        except DemoError as error:
            self._show(_plain(f"! not done: {error}"))

    async def _obey(self, line: str) -> None:
        word, _, rest = line.partition(" ")
        name, _, reason = rest.partition(" ")
        if word == "/who":
            self._show_people()
        elif word == "/numbers":
            self._show_numbers()
        elif word == "/next":
            self._enter(await self._visitor.next())
        elif word == "/trust":
            self._here().trust(self._find(name).user_id)
        elif word == "/block":
            await self._visitor.block(self._find(name).user_id)
        elif word == "/report":
            await self._report(self._find(name), reason or "no reason given")
        else:
            await self._visitor.say(line[:TEXT_CHARS])

    async def _report(self, person: Stranger, reason: str) -> None:
        left_out = await self._visitor.report(person.user_id, reason)
        if left_out:
            self._show(f"! {left_out} older messages had no room in the report")

    def _show_people(self) -> None:
        for person in self._others():
            state = "changed" if person.is_changed else person.refusal or "here"
            self._show(_plain(f"  {person.name}: {state}"))

    def _show_numbers(self) -> None:
        group = self._here()
        self._show(f"  all: {' '.join(group.group_number())}")
        for person in self._others():
            number = group.safety_number(person.user_id)
            self._show(_plain(f"  {person.name}: {' '.join(number or ['none'])}"))

    def _others(self) -> list[Stranger]:
        people = self._here().people.all.values()
        return [one for one in people if one.is_present and one.user_id != self._visitor.user_id]

    def _names(self) -> list[str]:
        return [person.name for person in self._others()]

    def _name(self, user_id: str) -> str:
        person = self._here().people.all.get(user_id)
        return person.name if person else user_id

    def _find(self, name: str) -> Stranger:
        for person in self._others():
            if person.name == name:
                return person
        raise DemoError(f"nobody here is called {name}")

    def _here(self) -> GroupMember:
        assert self._group
        return self._group


def _said(entry: Entry) -> str:
    return entry.text if entry.status == "received" else f"[{entry.status} {entry.reason}]"


def _plain(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)
