"""One member of a group at work: what is heard goes in, what is to be said comes out."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from scripts.demo_parts.protocol.identity import Identity
from scripts.demo_parts.protocol.refusal import MalformedError, RefusedError
from scripts.demo_parts.protocol.strangers.cards import StrangerCard
from scripts.demo_parts.protocol.strangers.evidence import write_evidence
from scripts.demo_parts.protocol.strangers.keys import KeysNote, read_wish, write_wish
from scripts.demo_parts.protocol.strangers.place import place_of
from scripts.demo_parts.protocol.strangers.safety import group_number, pair_number
from scripts.demo_parts.strangers.epochs import Epochs
from scripts.demo_parts.strangers.inbox import Inbox, Notice
from scripts.demo_parts.strangers.keyring import Keyring
from scripts.demo_parts.strangers.outbox import SETTLE_MS, Outbox
from scripts.demo_parts.strangers.people import People, Stranger, entries_of
from scripts.demo_parts.strangers.told import ToldMessage, members_of, message_of

BEHIND_MS = 10_000
"""Until it is shown that the relay tells others what it does not tell us."""


def wall_clock_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass(frozen=True)
class Letter:
    """Keys, or a wish for keys, for one member."""

    to: str
    encrypted: str


class GroupMember:
    """A member without its connection.

    Attributes:
        ended: Why the visit is over; empty while it is not.
        letters: To be sent, but nobody waits for them.
        typing: Who types, by the relay's word.
    """

    def __init__(
        self,
        group: dict[str, Any],
        identity: Identity,
        card: StrangerCard,
        now_ms: Callable[[], int] = wall_clock_ms,
    ) -> None:
        """Begin with the group as the relay's answer has it."""
        self.group_id = str(group["id"])
        self.name = str(group["name"])
        self.card = card
        self.place = place_of(self.group_id)
        self.people = People(card)
        self.epochs = Epochs(self.place)
        self.notices: list[Notice] = []
        self.keyring = Keyring(self.place, identity, self.epochs, self._heard_of, self._trouble)
        self.inbox = Inbox(self.place, self.people, self.epochs, self.keyring, self._notice)
        self.outbox = Outbox(self.place, identity, self.people, self.epochs)
        self.letters: deque[Letter] = deque()
        self.typing: set[str] = set()
        self.ended = ""
        self.seq = int(group["seq"])
        self._now_ms = now_ms
        self._keys_due_ms: int | None = None
        self._is_ahead_told = False
        self.follow(group)

    @property
    def user_id(self) -> str:
        return self.card.user_id

    @property
    def is_held(self) -> bool:
        """Whether nothing may be said now, since others know of a change that we do not."""
        return self.keyring.ahead_since_ms is not None

    @property
    def are_keys_due(self) -> bool:
        """Whether new keys are to be sent by now, though nobody says anything."""
        is_due = self._keys_due_ms is not None and self._now_ms() >= self._keys_due_ms
        return is_due and self.outbox.needs_keys and not self.is_held

    def safety_number(self, user_id: str) -> list[str] | None:
        """What the other one must see as well."""
        person = self.people.all.get(user_id)
        if not person or not person.card:
            return None
        return pair_number(self.place, self.card.member_id, person.card.member_id)

    def group_number(self) -> list[str]:
        """What everybody sees who sees the same people."""
        return group_number(self.epochs.members)

    def trust(self, user_id: str) -> bool:
        """Believe that somebody who shows other keys now is still the same one."""
        is_new = self.people.trust(user_id)
        if is_new:
            self.inbox.retry()
            self._keys_soon()
        return is_new

    def block(self, user_id: str, is_blocked: bool = True) -> None:
        """Hear nothing of somebody any more, and give it no keys."""
        self.people.all[user_id].is_blocked = is_blocked
        self._keys_soon()

    def evidence(self, user_id: str) -> dict[str, Any] | None:
        """What proves all that somebody has said; None if that is nothing."""
        person = self.people.all.get(user_id)
        said = [one[1:] for one in self.inbox.revealable if one[0] == user_id]
        if not person or not person.card or not said:
            return None
        return write_evidence(self.group_id, person.card, said)

    # --- what is heard ---

    def follow(self, told: dict[str, Any]) -> None:
        """Take an epoch and its members."""
        seen = self.people.read(members_of(told["members"]))
        if not self.people.is_ourselves(seen):
            self.ended = "replaced"
            return
        is_new = self.epochs.tell(int(told["epoch"]), entries_of(seen), self._now_ms())
        if is_new is None:
            self._notice("split", "")
            return
        for person in self.people.update(seen):
            self._notice("key-changed", person.user_id)
        if is_new:
            self.keyring.retry()
            self._is_ahead_told &= self.is_held
            self.inbox.retry()
            self._keys_soon()

    def hear(self, event: str, data: Any) -> None:
        """Take what the relay tells of this group, but for the answers."""
        if event == "joined_group":
            self._rejoined(data["group"])
        elif data.get("groupId") != self.group_id:
            return
        elif event == "key_rotation_needed":
            self.follow(data)
        elif event == "new_message":
            self._take(message_of(data))
        elif event == "user_joined":
            self._notice("arrived", str(data["userId"]))
        elif event == "user_left":
            self._departed(str(data["userId"]), str(data.get("reason", "left")))
        elif event == "user_typing":
            change = self.typing.add if data.get("isTyping") else self.typing.discard
            change(str(data["userId"]))
        elif event == "group_closed":
            self.ended = str(data.get("reason", "expired"))

    def catch_up(self, messages: list[dict[str, Any]]) -> None:
        """Take what the relay has kept while there was no connection, oldest first."""
        for told in map(message_of, messages):
            if told.seq > self.seq:
                self._take(told, is_history=True)

    def tick(self) -> None:
        """Do what is due."""
        now_ms = self._now_ms()
        wanted, lacking = self.keyring.due(now_ms)
        for wish in wanted:
            self.letters.append(Letter(wish.user_id, write_wish(self.place, wish.chain_id)))
        self.inbox.lack(lacking)
        since_ms = self.keyring.ahead_since_ms
        if since_ms is not None and not self._is_ahead_told and now_ms - since_ms >= BEHIND_MS:
            self._is_ahead_told = True
            self._notice("behind", self.user_id)

    def _rejoined(self, group: dict[str, Any]) -> None:
        if group.get("id") == self.group_id:
            self.follow(group)
        else:
            self.ended = "replaced"

    def _take(self, told: ToldMessage, is_history: bool = False) -> None:
        self.seq = max(self.seq, told.seq)
        if told.sender == self.user_id:
            return
        if told.is_keys:
            self._take_keys(told)
        else:
            self.inbox.take(told, self._now_ms(), is_history)

    def _take_keys(self, told: ToldMessage) -> None:
        person, now_ms = self.people.all.get(told.sender), self._now_ms()
        if not person or not person.card or person.is_blocked:
            return
        chain_id = read_wish(self.place, told.encrypted)
        if chain_id:
            keys = self.outbox.answer(told.sender, chain_id, now_ms)
            self.letters.extend([Letter(told.sender, keys)] if keys else [])
            return
        try:
            self.keyring.take(person, told.encrypted, now_ms)
        except MalformedError:
            return  # another client's are nothing of ours
        except RefusedError:
            if not person.is_changed:  # keys of a new card are asked for, once it is believed
                self._notice("forged", person.user_id)

    def _heard_of(self, person: Stranger, note: KeysNote) -> None:
        person.is_heard = True
        self.inbox.anchor(person, note)
        self.inbox.retry()

    def _departed(self, user_id: str, reason: str) -> None:
        if user_id == self.user_id:
            self.ended = reason
        else:
            self._notice(reason if reason in ("lost", "removed") else "left", user_id)

    def _keys_soon(self) -> None:
        self._keys_due_ms = self._now_ms() + SETTLE_MS

    def _trouble(self, code: str, person: Stranger) -> None:
        self._notice(code, person.user_id)

    def _notice(self, code: str, user_id: str, count: int = 0) -> None:
        self.notices.append(Notice(code, user_id, count))
