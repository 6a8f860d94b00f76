"""Keys: own ones in use, those that can be read with, and those that are lacking."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from scripts.demo_parts.client.roster import Roster, Someone
from scripts.demo_parts.protocol.cards import Card
from scripts.demo_parts.protocol.envelopes import Head
from scripts.demo_parts.protocol.epochs import (
    EVERYBODY,
    Epoch,
    Tag,
    check_epoch,
    make_epoch,
    read_keys,
    recipients_of,
    unwrap,
    write_keys,
)
from scripts.demo_parts.protocol.identity import Identity
from scripts.demo_parts.protocol.link import Link
from scripts.demo_parts.protocol.packing import pack, read_u64, to_text, u64, unpack, utf8

EPOCH_MESSAGES = 100
EPOCH_MS = 60 * 60_000
ASKED_AT_ONCE = 50
ANSWER_MS = 4_000
"""After which the next one is asked."""


@dataclass(frozen=True)
class Known:
    """A key that one can read with.

    Attributes:
        since: The first number for oneself; 0 if that is not known.
        readers: Since which number it is for each member; of own epochs only.
    """

    epoch: Epoch
    since: int
    readers: Mapping[bytes, int]


@dataclass
class Current:
    """An own epoch in use.

    Attributes:
        keys: What its next message carries; nothing once the relay has one that does.
    """

    epoch: Epoch
    keys: bytes
    made_ms: int
    used: int = 0


@dataclass
class Wanted:
    """A key that is lacking, and who was asked for it.

    Attributes:
        awaited: Of whom the answer may still come.
        is_lacking: Nobody who is there gives it.
    """

    sender: str
    epoch_id: bytes
    asked: set[str] = field(default_factory=set)
    awaited: str | None = None
    asked_ms: int = 0
    is_lacking: bool = False


class Keyring:
    def __init__(self, link: Link, identity: Identity, roster: Roster) -> None:
        self._link = link
        self._identity = identity
        self._roster = roster
        self.known: dict[bytes, Known] = {}
        self._current: dict[bytes, Current] = {}
        self._since: dict[bytes, dict[bytes, int]] = {}
        self._wanted: dict[tuple[str, bytes], Wanted] = {}

    # --- to write with ---

    def for_next(self, audience: bytes, cards: list[Card], number: int, now_ms: int) -> Current:
        """The epoch of the next message: a new one if the recipients have changed, or in time."""
        current = self._current.get(audience)
        if (
            current
            and current.epoch.tag.recipients == recipients_of(card.member_id for card in cards)
            and current.used < EPOCH_MESSAGES
            and now_ms - current.made_ms < EPOCH_MS
        ):
            return current
        return self._begin(audience, cards, number, now_ms)

    def settle(self, audience: bytes, epoch_id: bytes) -> None:
        """Note that the relay has a message of an epoch: its keys need not be sent again."""
        current = self._current.get(audience)
        if current and current.epoch.tag.epoch_id == epoch_id:
            current.keys = b""
            current.used += 1

    def _begin(self, audience: bytes, cards: list[Card], number: int, now_ms: int) -> Current:
        me = self._identity.member_id
        before = self._since.get(audience, {})
        since = {card.member_id: before.get(card.member_id, number) for card in cards}
        epoch = make_epoch(self._link, me, audience, recipients_of(since))
        current = Current(epoch, write_keys(self._link, epoch, cards, since), now_ms)
        self._since[audience], self._current[audience] = since, current
        self.known[epoch.tag.epoch_id] = Known(epoch, since[me], since)
        return current

    # --- to read with ---

    def learn(self, head: Head) -> int:
        """Take the key that a message carries for us.

        Returns:
            The number since which we are a recipient; 0 if the message does not tell.

        Raises:
            RefusedError: Its keys are no keys.
        """
        known = self.known.get(head.tag.epoch_id)
        if not head.keys:
            return known.since if known else 0
        mine = unwrap(self._link, self._identity, head.tag, read_keys(head.keys, head.tag))
        if not mine:
            return 0
        self.known.setdefault(head.tag.epoch_id, Known(mine.epoch, mine.since, {}))
        return mine.since

    # --- lacking ones ---

    def want(self, sender: str, epoch_id: bytes) -> None:
        """Look for a key as that of a sender, whoever else says that it is its own.

        What nobody gave is looked for anew: an answer may have been lost.
        """
        known = self._wanted.get((sender, epoch_id))
        if not known or known.is_lacking:
            self._wanted[sender, epoch_id] = Wanted(sender, epoch_id)

    def questions(self, now_ms: int) -> tuple[dict[str, list[bytes]], set[bytes]]:
        """Whom to ask for which epochs now: first their sender, then the others, one by one.

        Returns:
            Epoch ids by user id, and those that nobody who is there gives.
        """
        asked: dict[str, list[bytes]] = {}
        for wanted in self._wanted.values():
            if wanted.awaited and now_ms - wanted.asked_ms < ANSWER_MS:
                continue
            wanted.awaited = None
            user_id = self._next_to_ask(wanted)
            wanted.is_lacking = not user_id
            if user_id and len(asked.setdefault(user_id, [])) < ASKED_AT_ONCE:
                asked[user_id].append(wanted.epoch_id)
                wanted.asked.add(user_id)
                wanted.awaited, wanted.asked_ms = user_id, now_ms
        awaited = {one.epoch_id for one in self._wanted.values() if not one.is_lacking}
        return asked, {one.epoch_id for one in self._wanted.values()} - awaited

    def ask_again(self, user_id: str) -> None:
        """Let somebody who has just come be asked for what is lacking."""
        for wanted in self._wanted.values():
            wanted.asked.discard(user_id)
            wanted.awaited = None if wanted.awaited == user_id else wanted.awaited

    def _next_to_ask(self, wanted: Wanted) -> str | None:
        free = [one.user_id for one in self._roster.others() if one.user_id not in wanted.asked]
        if wanted.sender in free:
            return wanted.sender
        return next(iter(free), None) if self._link.has_shared_history else None

    def answer(self, asker: Card, epoch_ids: list[bytes]) -> list[bytes]:
        """The fields of a `keys` signal: what the asker may have of what it wants."""
        if len(epoch_ids) > ASKED_AT_ONCE:
            return []
        known = [self.known[epoch_id] for epoch_id in epoch_ids if epoch_id in self.known]
        return [self._entry(asker, one) for one in known if self._may_have(asker, one)]

    def _may_have(self, asker: Card, known: Known) -> bool:
        is_for_all = known.epoch.tag.audience == EVERYBODY
        return asker.member_id in known.readers or (self._link.has_shared_history and is_for_all)

    def _entry(self, asker: Card, known: Known) -> bytes:
        tag = known.epoch.tag
        card = self._roster.card_of(to_text(tag.sender))
        return pack(
            tag.sender,
            tag.audience,
            tag.epoch_id,
            tag.recipients,
            known.epoch.key,
            u64(known.readers.get(asker.member_id, 0)),
            card.text.encode() if card else b"",
        )

    def take(self, giver: Someone, entries: list[bytes]) -> None:
        """Take keys that were asked for.

        Raises:
            RefusedError: One of them is no key, or not the one that it claims to be.
        """
        for wanted in self._wanted.values():
            if giver.user_id == wanted.awaited:
                wanted.awaited = None
        for entry in entries:
            self._take_one(giver, entry)

    def _take_one(self, giver: Someone, entry: bytes) -> None:
        sender, audience, epoch_id, recipients, key, since, card = unpack(entry, 7)
        epoch = check_epoch(self._link, Tag(sender, audience, recipients, epoch_id), key)
        wanted = [name for name, one in self._wanted.items() if one.epoch_id == epoch_id]
        if not wanted:
            return
        if card:
            self._roster.add_card(utf8(card), to_text(sender))
        # Of what is missing only the sender itself may tell.
        first = read_u64(since) if giver.user_id == to_text(sender) else 0
        self.known.setdefault(epoch_id, Known(epoch, first, {}))
        for name in wanted:
            del self._wanted[name]
