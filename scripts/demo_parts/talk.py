"""Joining a session that others have made, at the built-in page for example, and talking there."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from scripts.demo_parts.client.inbox import Entry
from scripts.demo_parts.line import DemoError
from scripts.demo_parts.person import Person
from scripts.demo_parts.protocol.chunks import FILE_BYTES, seal_file
from scripts.demo_parts.protocol.contents import TEXT_CHARS, File, Remove, Text
from scripts.demo_parts.protocol.identity import new_identity
from scripts.demo_parts.protocol.link import Link
from scripts.demo_parts.protocol.packing import to_text
from scripts.demo_parts.terminal import typed_lines, until_over

HELP = "TEXT goes to everybody, @NAME TEXT to one, /file PATH offers a file, /leave ends it"


class Talk:
    """One person at a terminal.

    What others write is shown without control characters, so that it can do nothing to it.
    """

    def __init__(
        self, url: str, link: Link, name: str, folder: Path | None, show: Callable[[str], None]
    ) -> None:
        """Begin outside.

        Args:
            folder: Where files of others are put, under their ids; None to fetch none.
        """
        self._person = Person(url, link, new_identity(), name)
        self._folder = folder
        self._show = show
        self._shown: dict[str, str] = {}
        self._notices = 0
        self._fetching: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Join, and talk until the input ends or the connection does.

        Raises:
            DemoError: The session cannot be joined, or the connection was lost.
        """
        person = self._person
        await person.connect("websocket")
        try:
            await person.join()
            self._show(f"joined as {person.member.name}; {HELP}")
            await self._talk()
        finally:
            await asyncio.gather(*self._fetching, return_exceptions=True)
            await person.disconnect()

    async def _talk(self) -> None:
        await until_over(self._person.line, self._show_news(), self._say_lines())

    # --- what is heard ---

    async def _show_news(self) -> None:
        while True:
            self._show_new_ones()
            await self._person.line.news.wait()

    def _show_new_ones(self) -> None:
        inbox = self._person.member.inbox
        for entry in inbox.entries:
            state = f"{entry.status} {entry.reason}"
            if self._shown.get(entry.message_id) != state and entry.status != "sent":
                self._shown[entry.message_id] = state
                self._show(_plain(f"{self._name(entry.sender)}: {self._said(entry)}"))
        for notice in inbox.notices[self._notices :]:
            count = f", {notice.count} messages" if notice.count else ""
            self._show(_plain(f"! {notice.code}: {self._name(notice.user_id)}{count}"))
        self._notices = len(inbox.notices)

    def _said(self, entry: Entry) -> str:
        private = "(to you alone) " if entry.to else ""
        content = entry.content
        if isinstance(content, Text):
            return private + content.text
        if isinstance(content, File):
            self._begin_to_fetch(content)
            note = content.note
            return f'{private}file "{note.name}", {note.size:,} B, {to_text(note.file_id)}'
        if isinstance(content, Remove):
            return f"has removed {self._name(to_text(content.member_id))}"
        return f"[{entry.status} {entry.reason}]"

    def _begin_to_fetch(self, file: File) -> None:
        if self._folder and file.note.file_id not in self._person.member.files.here:
            task = asyncio.create_task(self._fetch(file, self._folder))
            self._fetching.add(task)

    async def _fetch(self, file: File, folder: Path) -> None:
        # By its id: the name is the sender's word, and may lead anywhere.
        path = folder / to_text(file.note.file_id)
        try:
            content = await self._person.fetch(file.note.file_id)
        except DemoError as error:
            self._show(f"! {path.name} did not come: {error}")
            return
        await asyncio.to_thread(path.write_bytes, content)
        self._show(f"* {path} is here")

    def _name(self, user_id: str) -> str:
        return self._person.member.roster.name_of(user_id)

    # --- what is said ---

    async def _say_lines(self) -> None:
        async for line in typed_lines():
            await self._say(line)
        await self._person.ask("leave-session")

    async def _say(self, line: str) -> None:
        try:
            if line.startswith("/file "):
                await self._offer(Path(line.removeprefix("/file ").strip()))
            elif line.startswith("@"):
                name, _, text = line[1:].partition(" ")
                await self._person.send(Text(text[:TEXT_CHARS]), self._user_id(name))
            else:
                await self._person.send(Text(line[:TEXT_CHARS]))
        except (DemoError, OSError) as error:
            self._show(f"! not sent: {error}")

    async def _offer(self, path: Path) -> None:
        content = await asyncio.to_thread(path.read_bytes)
        if len(content) > FILE_BYTES:
            raise DemoError(f"{path} is larger than {FILE_BYTES:,} bytes")
        note, sealed = seal_file(path.name, content)
        self._person.member.files.offer(note, sealed)
        await self._person.send(File(note))

    def _user_id(self, name: str) -> str:
        for someone in self._person.member.roster.others():
            if someone.card and someone.card.name == name:
                return someone.user_id
        raise DemoError(f"nobody here is called {name}")


def _plain(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)
