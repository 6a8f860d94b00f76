"""Who is in the session: who is there, whose card is right, who was put out."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from scripts.demo_parts.protocol.cards import Card, read_card
from scripts.demo_parts.protocol.link import Link
from scripts.demo_parts.protocol.packing import to_text
from scripts.demo_parts.protocol.refusal import RefusedError


@dataclass
class Someone:
    """A member as others see it.

    Attributes:
        card: None if it has shown none that is right.
        refusal: What is wrong with the last card that the relay showed as its own.
        heard_ms: When it last gave a sign of life; by our clock.
    """

    user_id: str
    card: Card | None = None
    refusal: str | None = None
    is_present: bool = False
    is_removed: bool = False
    is_silent: bool = False
    heard_ms: int = 0


class Roster:
    def __init__(self, link: Link, own_id: str) -> None:
        self._link = link
        self._own_id = own_id
        self.people: dict[str, Someone] = {}

    def update(self, members: Iterable[dict[str, Any]], now_ms: int) -> list[Someone]:
        """Take the relay's list of who is there.

        Returns:
            Of whom the card is refused, if it was not before.
        """
        shown = {str(member["userId"]): member.get("publicKey") for member in members}
        for someone in self.people.values():
            someone.is_present = someone.user_id in shown
        refused = []
        for user_id, text in shown.items():
            someone = self._someone(user_id)
            if not someone.is_present:
                someone.is_present, someone.is_silent, someone.heard_ms = True, False, now_ms
            before, someone.refusal = someone.refusal, self._problem_with(someone, text)
            if someone.refusal and someone.refusal != before:
                refused.append(someone)
        return refused

    def add_card(self, text: object, user_id: str) -> Card:
        """Take the card of somebody who may have left; the newest of several counts.

        Returns:
            The card as it was read.

        Raises:
            RefusedError: It is none, or another member's.
        """
        card = read_card(self._link, text, user_id)
        someone = self._someone(user_id)
        if not someone.card or card.made_ms > someone.card.made_ms:
            someone.card = card
        return card

    def card_of(self, user_id: str) -> Card | None:
        return self.people[user_id].card if user_id in self.people else None

    def is_removed(self, user_id: str) -> bool:
        return user_id in self.people and self.people[user_id].is_removed

    def name_of(self, user_id: str) -> str:
        card = self.card_of(user_id)
        return card.name if card else user_id

    def remove(self, member_id: bytes) -> None:
        """Note that the creator has put somebody out."""
        self._someone(to_text(member_id)).is_removed = True

    def set_absent(self, user_id: str) -> None:
        if user_id in self.people:
            self.people[user_id].is_present = False

    def others(self) -> list[Someone]:
        """Who is there, with a card that is right."""
        return [
            someone
            for someone in self.people.values()
            if someone.card
            and someone.is_present
            and not someone.is_removed
            and someone.user_id != self._own_id
        ]

    def recipients(self, audience: bytes) -> list[Card]:
        """Who shall be able to read what is sent to an audience: always also who sends it."""
        wanted = to_text(audience)
        return [
            someone.card
            for someone in self.people.values()
            if someone.card
            and (someone.user_id == self._own_id or self._is_reader(someone, wanted))
        ]

    def _is_reader(self, someone: Someone, wanted: str) -> bool:
        is_wanted = someone.user_id == wanted if wanted else someone.is_present
        return is_wanted and not someone.is_removed

    def _problem_with(self, someone: Someone, text: object) -> str | None:
        if someone.card and someone.card.text == text:
            return None
        try:
            card = self.add_card(text, someone.user_id)
        except RefusedError as error:
            return str(error)
        # Our own may be on its way to the relay.
        newest_ms = someone.card.made_ms if someone.card else 0
        is_old = card.made_ms < newest_ms and someone.user_id != self._own_id
        return "an older card" if is_old else None

    def _someone(self, user_id: str) -> Someone:
        return self.people.setdefault(user_id, Someone(user_id))
