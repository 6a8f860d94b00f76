"""One member at work: what is heard goes in, what is to be said comes out."""

import time
from collections.abc import Callable
from typing import Any

from scripts.demo_parts.client.files import Files
from scripts.demo_parts.client.heads import Heads
from scripts.demo_parts.client.inbox import Entry, Inbox
from scripts.demo_parts.client.keyring import Keyring
from scripts.demo_parts.client.outbox import Outbox
from scripts.demo_parts.client.postman import Kinds, Postman
from scripts.demo_parts.client.roster import Roster, Someone
from scripts.demo_parts.protocol.cards import write_card
from scripts.demo_parts.protocol.contents import Content, File
from scripts.demo_parts.protocol.envelopes import Envelope
from scripts.demo_parts.protocol.epochs import EVERYBODY
from scripts.demo_parts.protocol.identity import Identity
from scripts.demo_parts.protocol.link import Link
from scripts.demo_parts.protocol.packing import from_text
from scripts.demo_parts.protocol.refusal import MalformedError, RefusedError
from scripts.demo_parts.protocol.safety import safety_number
from scripts.demo_parts.protocol.signals import ChainHead


def wall_clock_ms() -> int:
    return time.time_ns() // 1_000_000


class Member:
    """A member without its connection.

    Attributes:
        complete: Files that have just come whole, of which the others are to be told.
    """

    def __init__(
        self, link: Link, identity: Identity, name: str, now_ms: Callable[[], int] = wall_clock_ms
    ) -> None:
        self.link = link
        self.identity = identity
        self.name = name
        self._now_ms = now_ms
        self.roster = Roster(link, identity.user_id)
        self.keyring = Keyring(link, identity, self.roster)
        self.inbox = Inbox(link, self.user_id, self.roster, self.keyring, self.removed, self._learn)
        self.outbox = Outbox(link, identity, self.roster, self.keyring, self.inbox)
        self.postman = Postman(link, identity, self.roster)
        self.files = Files(self.roster, self._say, self.user_id)
        self.complete: list[bytes] = []
        self._heads = Heads(self.roster, self.inbox, self.outbox, self.user_id)
        self._kinds: Kinds = {
            "keys-wanted": self._give_keys,
            "keys": self._take_keys,
            "file-wanted": self._serve,
            "file-chunk": self._take_chunk,
            "file-gone": self._has_not,
            "file-enough": self._has_enough,
        }

    @property
    def user_id(self) -> str:
        return self.identity.user_id

    @property
    def is_creator(self) -> bool:
        return self.identity.member_id == self.link.creator

    def card(self) -> str:
        """Make a card, for the relay's `publicKey`."""
        text = write_card(self.link, self.identity, self.name, self._now_ms())
        self.roster.add_card(text, self.user_id)
        return text

    def safety_number(self, user_id: str) -> list[str]:
        """What the other one must see as well."""
        return safety_number(self.link.session_id, self.identity.member_id, from_text(user_id))

    def seal(self, content: Content, audience: bytes) -> Envelope:
        return self.outbox.seal(content, audience, self._now_ms())

    def fetch(self, file_id: bytes) -> None:
        """Begin to fetch a file of which a message has told."""
        if self.files.fetch(file_id, self._now_ms()):
            self.complete.append(file_id)

    def removed(self, member_id: bytes) -> None:
        """Believe nothing more of a member whom the creator has put out."""
        self.roster.remove(member_id)

    # --- what is heard ---

    def joined(self, answer: dict[str, Any]) -> None:
        """Take the relay's answer to joining: who is there, and what was missed."""
        self._take_members(answer["members"])
        for someone in self.roster.others():
            self.keyring.ask_again(someone.user_id)
        if answer["truncated"]:
            self.inbox.chains.trim(self.roster.people)
        for relayed in answer["messages"]:
            self.inbox.take(relayed, is_history=True)
        ids = {relayed["id"] for relayed in answer["messages"]}
        unsettled = self.outbox.unsettled
        if unsettled and unsettled.head.message_id in ids:
            self.outbox.settle(unsettled)
        self._heads.again(self._now_ms())
        self.files.restart(self._now_ms())
        self.tick()

    def hear(self, event: str, data: Any) -> None:
        """Take what the relay tells, but for the answers."""
        if event == "public-keys-updated":
            self._take_members(data)
        elif event == "user-left":
            self.roster.set_absent(data["userId"])
        elif event == "new-message":
            self.inbox.take(data)
        elif event == "signal":
            self._hear_signal(data["from"], data["encrypted"])
        elif event == "download-notification":
            self._hear_of_download(data["fileName"], data["downloadedBy"])
        self._ask_for_keys()

    def tick(self) -> None:
        """Do what is due by the clock while connected; once a second is often enough."""
        now_ms = self._now_ms()
        if self._heads.is_due(now_ms):
            newest = self.outbox.end(EVERYBODY)
            self.postman.tell_head(newest, self._heads.alone(), now_ms)
        self._heads.watch(now_ms)
        self.files.watch(now_ms)
        self._ask_for_keys()

    def _take_members(self, members: list[dict[str, Any]]) -> None:
        before = {one.user_id for one in self.roster.others()}
        for someone in self.roster.update(members, self._now_ms()):
            self.inbox.notice("card-refused", someone.user_id)
        for someone in self.roster.others():
            if someone.user_id not in before:
                self.keyring.ask_again(someone.user_id)
        self.inbox.retry()

    def _hear_of_download(self, file_name: str, user_id: str) -> None:
        try:
            self.files.add_holder(from_text(file_name), user_id)
        except MalformedError:
            return  # the word of a client that speaks something else

    def _learn(self, entry: Entry) -> None:
        if isinstance(entry.content, File) and not self.files.learn(
            entry.content.note, entry.sender, entry.to
        ):
            entry.status, entry.reason, entry.content = "refused", "file-id-taken", None

    # --- signals ---

    def _hear_signal(self, user_id: str, encrypted: object) -> None:
        someone = self.roster.people.get(user_id)
        if not someone or not someone.card or someone.is_removed:
            return
        try:
            read = self.postman.read(someone, encrypted)
            if not read:
                self.inbox.notice("repeated", user_id)
                return
            if isinstance(read, ChainHead):
                # Other signals the relay could let through, and hold these back.
                someone.heard_ms, someone.is_silent = self._now_ms(), False
                self._heads.hear(someone, read, self._now_ms())
            elif read.kind in self._kinds:
                self._kinds[read.kind](someone, read.fields)
        except RefusedError:
            self.inbox.notice("forged", user_id)

    def _ask_for_keys(self) -> None:
        asked, lacking = self.keyring.questions(self._now_ms())
        self.inbox.lack(lacking)
        for user_id, epoch_ids in asked.items():
            self._say(self.roster.people[user_id], "keys-wanted", epoch_ids)

    def _give_keys(self, someone: Someone, epoch_ids: list[bytes]) -> None:
        if someone.card:
            self._say(someone, "keys", self.keyring.answer(someone.card, epoch_ids))

    def _take_keys(self, someone: Someone, entries: list[bytes]) -> None:
        try:
            self.keyring.take(someone, entries)
        finally:
            self.inbox.retry()

    def _serve(self, someone: Someone, fields: list[bytes]) -> None:
        self.files.serve(someone, _of_count(fields, 3))

    def _take_chunk(self, someone: Someone, fields: list[bytes]) -> None:
        if self.files.take_chunk(someone, _of_count(fields, 3), self._now_ms()):
            self.complete.append(fields[0])

    def _has_not(self, someone: Someone, fields: list[bytes]) -> None:
        self.files.gone(someone, _of_count(fields, 1), self._now_ms())

    def _has_enough(self, someone: Someone, fields: list[bytes]) -> None:
        self.postman.take_back(someone, *_of_count(fields, 1))

    def _say(self, someone: Someone, kind: str, fields: list[bytes]) -> None:
        self.postman.say(someone, kind, fields, self._now_ms())


def _of_count(fields: list[bytes], count: int) -> list[bytes]:
    if len(fields) != count:
        raise MalformedError(f"{len(fields)} fields instead of {count}")
    return fields
