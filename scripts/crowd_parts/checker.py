"""What must be true of random groups, whoever does what when."""

from collections import Counter
from typing import Any

from msgspec import Struct, field


class Place(Struct):
    """Where somebody stands: a group, and how far it has been heard."""

    group_id: str
    seq: int
    epoch: int


class Witness(Struct):
    """One person with its one connection.

    Attributes:
        shuns: Whom it has blocked or left, as far as the server has confirmed it.
        put_out_of: Groups that have removed it.
    """

    user_id: str
    shuns: set[str] = field(default_factory=set)
    place: Place | None = None
    put_out_of: set[str] = field(default_factory=set)


class Checker:
    """All that people heard, put together.

    Attributes:
        faults: In words, in the order in which they were found.
        counts: How often each thing was heard.
    """

    def __init__(self) -> None:
        self.faults: list[str] = []
        self.counts: Counter[str] = Counter()
        self._by_seq: dict[tuple[str, int], tuple[str, str]] = {}
        self._by_epoch: dict[tuple[str, int], frozenset[str]] = {}
        self._witnesses: dict[str, Witness] = {}

    def witness(self, user_id: str) -> Witness:
        return self._witnesses.setdefault(user_id, Witness(user_id))

    def apart_from(self, user_id: str) -> frozenset[str]:
        """Whom somebody is not to meet, by its own wish or theirs."""
        others = (one.user_id for one in self._witnesses.values() if user_id in one.shuns)
        return frozenset((*self._witnesses[user_id].shuns, *others))

    def enter(self, witness: Witness, group: dict[str, Any], shunned: frozenset[str]) -> None:
        """Somebody has come into a group, or back; `shunned` is whom it was not to meet."""
        members = [str(member["userId"]) for member in group["members"]]
        self._members(group["id"], group["epoch"], members)
        if len(members) > group["maxMembers"]:
            self._fault(f"{len(members)} in a group of {group['maxMembers']}")
        if witness.user_id not in members:
            self._fault("somebody is not in the group that it has joined")
        if group["id"] in witness.put_out_of:
            self._fault(f"{witness.user_id} is back in the group that has removed it")
        met = shunned.intersection(members)
        if met:
            self._fault(f"{witness.user_id} has met {met} again")
        witness.place = Place(group["id"], group["seq"], group["epoch"])

    def hear(self, witness: Witness, event: str, data: dict[str, Any]) -> None:
        """Somebody was told something."""
        self.counts[event] += 1
        place = witness.place
        if place is None or data["groupId"] != place.group_id:
            if event != "group_closed":
                self._fault(f"{witness.user_id} heard {event} of a group where it is not")
            return
        if event == "key_rotation_needed":
            if data["epoch"] <= place.epoch:
                self._fault(f"epoch {data['epoch']} came after {place.epoch}")
            place.epoch = data["epoch"]
            members = [str(member["userId"]) for member in data["members"]]
            self._members(place.group_id, place.epoch, members)
        if "seq" in data:
            self._seq(place, event, data)

    def close(self, current: dict[str, str | None]) -> None:
        """Compare with where the server says that everybody is."""
        for user_id, group_id in current.items():
            place = self._witnesses[user_id].place
            if (place.group_id if place else None) != group_id:
                self._fault(f"{user_id} is in {group_id} and believes to be in {place}")
        newest: dict[str, int] = {}
        for group_id, epoch in self._by_epoch:
            newest[group_id] = max(epoch, newest.get(group_id, 0))
        for group_id in {group_id for group_id in current.values() if group_id}:
            there = {user_id for user_id, other in current.items() if other == group_id}
            if self._by_epoch[group_id, newest[group_id]] != there:
                self._fault("the newest list of a group is not who is in it")

    def _seq(self, place: Place, event: str, data: dict[str, Any]) -> None:
        if data["seq"] != place.seq + 1:
            self._fault(f"{event} came as {data['seq']} after {place.seq}")
        place.seq = data["seq"]
        told = (event, str(data.get("id") or data["userId"]))
        if self._by_seq.setdefault((place.group_id, place.seq), told) != told:
            self._fault(f"two things stand at {place.seq} of a group")

    def _members(self, group_id: str, epoch: int, members: list[str]) -> None:
        known = self._by_epoch.setdefault((group_id, epoch), frozenset(members))
        if known != set(members) or len(members) != len(known):
            self._fault(f"two lists of members under epoch {epoch}")

    def _fault(self, words: str) -> None:
        self.faults.append(words)
