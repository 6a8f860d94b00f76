"""Who is in a group: whose card was seen first, and who shows another one since."""

from collections.abc import Iterable
from dataclasses import dataclass

from scripts.demo_parts.protocol.refusal import RefusedError
from scripts.demo_parts.protocol.strangers.cards import StrangerCard, read_stranger_card
from scripts.demo_parts.strangers.told import ToldMember


@dataclass
class Stranger:
    """A member as another one sees it.

    Attributes:
        name: A pseudonym: of its card, or the relay's word if there is none.
        card: The one that is pinned.
        is_changed: The relay shows other keys than those that are pinned.
        refusal: Why what the relay shows is no card that can be accepted.
        is_heard: It has proved in this group that it has the keys.
    """

    user_id: str
    name: str
    card: StrangerCard | None = None
    is_present: bool = False
    is_changed: bool = False
    refusal: str | None = None
    is_heard: bool = False
    is_behind: bool = False
    is_blocked: bool = False


@dataclass(frozen=True)
class Seen:
    """A member with the card that the relay shows, if it is one."""

    told: ToldMember
    card: StrangerCard | None
    refusal: str | None


class People:
    """Everybody of whom one has heard in a group, oneself too.

    Attributes:
        own: One's own card.
    """

    def __init__(self, own: StrangerCard) -> None:
        self.own = own
        self.all: dict[str, Stranger] = {}
        self._shown: dict[str, Seen] = {}

    def read(self, members: Iterable[ToldMember]) -> list[Seen]:
        """Read the cards of a list; nothing of it counts before `update`."""
        return [self._read(member) for member in members]

    def is_ourselves(self, seen: Iterable[Seen]) -> bool:
        """Tell whether the relay shows one's own card as one's own."""
        own = [one.card for one in seen if one.told.user_id == self.own.user_id]
        return bool(own) and own[0] is not None and own[0].member_id == self.own.member_id

    def update(self, seen: list[Seen]) -> list[Stranger]:
        """Take a list of who is there.

        Returns:
            Who shows other keys now than what is pinned.
        """
        for person in self.all.values():
            person.is_present = False
        self._shown = {one.told.user_id: one for one in seen}
        changed = [self._see(one) for one in seen]
        return [person for person in changed if person]

    def trust(self, user_id: str) -> bool:
        """Believe the card that is shown now.

        Returns:
            Whether there was a change to believe.
        """
        person, shown = self.all.get(user_id), self._shown.get(user_id)
        if not person or not person.is_changed or not shown or not shown.card:
            return False
        person.card, person.name = shown.card, shown.card.login
        person.is_changed = person.is_heard = person.is_behind = False
        return True

    def recipients(self) -> list[StrangerCard]:
        """Those whom a sender encrypts to."""
        return [
            person.card
            for person in self.all.values()
            if person.card
            and person.is_present
            and person.user_id != self.own.user_id
            and not (person.is_changed or person.refusal or person.is_blocked)
        ]

    def _read(self, member: ToldMember) -> Seen:
        before = self._shown.get(member.user_id)
        if before and before.told.public_key == member.public_key:
            return Seen(member, before.card, before.refusal)
        try:
            return Seen(member, read_stranger_card(member.public_key, member.user_id), None)
        except RefusedError as error:
            return Seen(member, None, str(error))

    def _see(self, seen: Seen) -> Stranger | None:
        user_id = seen.told.user_id
        person = self.all.setdefault(user_id, Stranger(user_id, seen.told.login))
        was_changed = person.is_changed
        person.is_present, person.refusal = True, seen.refusal
        if not person.card and seen.card:
            person.card, person.name = seen.card, seen.card.login
        shown = seen.card.member_id if seen.card else b""
        person.is_changed = person.card is not None and person.card.member_id != shown
        return person if person.is_changed and not was_changed else None


def entries_of(seen: Iterable[Seen]) -> list[tuple[str, bytes]]:
    """All whom the relay shows, as the hash of the members has them."""
    return [(one.told.user_id, one.card.member_id if one.card else b"") for one in seen]
