"""What a store of groups ought to answer, said as plainly as possible and without any bytes."""

from collections.abc import Iterable

from msgspec import Struct, field

from server.core.errors import Code
from server.core.kinds import Policy
from server.core.limits import Bounds
from server.core.matching import APART_MS, CONNECT_MS, ENOUGH_REPORTS, PRESENT_MS

Words = list[tuple[object, ...]]
"""What is told of what happened."""


class Said(Struct, frozen=True):
    """A message; `readers` None is everybody."""

    message_id: str
    sender: str
    readers: frozenset[str] | None

    def is_for(self, user_id: str) -> bool:
        return self.readers is None or user_id in self.readers


class Guest(Struct, kw_only=True):
    """A member of a group."""

    key: str
    since_ms: int


class Circle(Struct, kw_only=True):
    """One group; `said` is everything that was ever said in it."""

    room_id: str
    places: int
    active_ms: int
    members: dict[str, Guest] = field(default_factory=dict)
    seq: int = 0
    epoch: int = 0
    away_until_ms: dict[str, int] = field(default_factory=dict)
    removed: set[str] = field(default_factory=set)
    reports: dict[str, dict[str, str]] = field(default_factory=dict)
    said: list[Said] = field(default_factory=list)

    def changed(self) -> tuple[object, ...]:
        self.epoch += 1
        keys = [(user_id, guest.key) for user_id, guest in self.members.items()]
        return ("changed", self.room_id, self.epoch, keys)

    def next_seq(self) -> int:
        self.seq += 1
        return self.seq


class Soul(Struct, kw_only=True):
    """One user; `apart` says until when it is not to meet whom."""

    user_id: str
    key: str | None = None
    circle: Circle | None = None
    connections: list[str] = field(default_factory=list)
    leave_ms: int | None = None
    blocked: set[str] = field(default_factory=set)
    apart_until_ms: dict[str, int] = field(default_factory=dict)
    forget_ms: int = 0

    @property
    def is_here(self) -> bool:
        return bool(self.circle or self.connections)

    @property
    def is_remembered(self) -> bool:
        return bool(self.is_here or self.key or self.blocked or self.apart_until_ms)


class World:
    """All users and all groups."""

    def __init__(self, policy: Policy, bounds: Bounds, kept_ms: int) -> None:
        self.policy = policy
        self.bounds = bounds
        self.kept_ms = kept_ms
        self.now_ms = 0
        self.souls: dict[str, Soul] = {}
        self.circles: dict[str, Circle] = {}

    def seen(self, user_id: str) -> Soul:
        soul = self.souls.setdefault(user_id, Soul(user_id=user_id))
        soul.forget_ms = self.now_ms + self.kept_ms
        return soul

    # --- matching ---

    def fullest(self, soul: Soul) -> set[str]:
        """The groups into which the user may come; none if it takes a new one."""
        may = [circle for circle in self.circles.values() if self._may_enter(soul, circle)]
        most = max((len(circle.members) for circle in may), default=0)
        return {circle.room_id for circle in may if len(circle.members) == most}

    def _may_enter(self, soul: Soul, circle: Circle) -> bool:
        return (
            circle is not soul.circle
            and len(circle.members) < circle.places
            and soul.user_id not in circle.removed
            and circle.away_until_ms.get(soul.user_id, 0) <= self.now_ms
            and not any(self._shun(soul, self.souls[other]) for other in circle.members)
        )

    def _shun(self, one: Soul, other: Soul) -> bool:
        if one.user_id in other.blocked or other.user_id in one.blocked:
            return True
        return one.apart_until_ms.get(other.user_id, 0) > self.now_ms

    def match_refusal(self, soul: Soul, key: str | None, is_move: bool) -> Code | None:
        if key is None and soul.key is None:
            return Code.INVALID_REQUEST
        if (soul.circle and not is_move) or self.fullest(soul):
            return None
        ending = soul.circle is not None and len(soul.circle.members) == 1
        return Code.SERVER_FULL if len(self.circles) - ending >= self.bounds.groups else None

    def stay(self, soul: Soul, key: str | None, connection: str | None) -> Words:
        circle = soul.circle
        assert circle
        if not soul.connections:
            soul.leave_ms = self.now_ms + CONNECT_MS
        guest = circle.members[soul.user_id]
        if key in (None, guest.key):
            return []
        assert key
        soul.key = guest.key = key
        circle.next_seq()
        return [circle.changed()]

    def enter(self, soul: Soul, room_id: str, places: int, key: str | None) -> Words:
        """Come into a group, which is a new one if it is not there."""
        words = self.leave(soul) if soul.circle else []
        soul.key = key or soul.key
        assert soul.key
        circle = self.circles.setdefault(
            room_id, Circle(room_id=room_id, places=places, active_ms=self.now_ms)
        )
        circle.members[soul.user_id] = Guest(key=soul.key, since_ms=self.now_ms)
        circle.active_ms = self.now_ms
        soul.circle = circle
        soul.leave_ms = None if soul.connections else self.now_ms + CONNECT_MS
        words += [("attached", room_id, connection) for connection in soul.connections]
        joined = ("joined", room_id, soul.user_id, circle.next_seq())
        return [*words, joined, circle.changed()]

    # --- leaving ---

    def leave(self, soul: Soul) -> Words:
        circle = soul.circle
        assert circle
        until_ms = self.now_ms + APART_MS
        circle.away_until_ms[soul.user_id] = until_ms
        for other in circle.members:
            if other != soul.user_id:
                soul.apart_until_ms[other] = until_ms
                self.souls[other].apart_until_ms[soul.user_id] = until_ms
        return self.go(soul, "left")

    def go(self, soul: Soul, reason: str) -> Words:
        circle = soul.circle
        assert circle
        del circle.members[soul.user_id]
        circle.reports.pop(soul.user_id, None)
        for reports in circle.reports.values():
            reports.pop(soul.user_id, None)
        soul.circle = soul.leave_ms = None
        if not circle.members:
            del self.circles[circle.room_id]
        left = ("left", circle.room_id, soul.user_id, reason, circle.next_seq())
        if reason == "removed":
            return [("removed", circle.room_id, soul.user_id), left, circle.changed()]
        detached = [("detached", circle.room_id, connection) for connection in soul.connections]
        return [left, *detached, circle.changed()]

    def lose(self, connection: str) -> None:
        for soul in self.souls.values():
            if connection in soul.connections:
                soul.connections.remove(connection)
                if not soul.connections and soul.circle:
                    soul.leave_ms = self.now_ms + self.policy.grace_ms

    # --- inside ---

    def known(self, circle: Circle) -> list[Said]:
        """What a repeat is known by: the history, and as many that have left it."""
        return circle.said[-2 * self.policy.history_messages :]

    def kept(self, circle: Circle, reader: str) -> list[str]:
        kept = circle.said[-self.policy.history_messages :]
        return [said.message_id for said in kept if said.is_for(reader)]

    def say_refusal(self, soul: Soul, message_id: str, to: str | None) -> Code | None:
        circle = soul.circle
        if circle is None:
            return Code.NOT_FOUND
        first = next((s for s in self.known(circle) if s.message_id == message_id), None)
        if first:
            return None if first.sender == soul.user_id else Code.ID_CONFLICT
        is_nobody = to is not None and to not in circle.members
        if is_nobody or (to is not None and soul.user_id in self.souls[to].blocked):
            return Code.RECIPIENT_NOT_FOUND
        return None

    def say(self, soul: Soul, message_id: str, to: str | None) -> int | None:
        """The place of the message in the sequence; None for a repeat."""
        circle = soul.circle
        assert circle
        if any(said.message_id == message_id for said in self.known(circle)):
            return None
        readers = None if to is None else frozenset((soul.user_id, to))
        circle.said.append(Said(message_id, soul.user_id, readers))
        circle.active_ms = self.now_ms
        return circle.next_seq()

    # --- against abuse ---

    def block_refusal(self, soul: Soul, other: str) -> Code | None:
        if other == soul.user_id:
            return Code.FORBIDDEN
        is_full = len(soul.blocked) >= self.bounds.blocks_per_user
        return Code.LIMIT_REACHED if is_full and other not in soul.blocked else None

    def report_refusal(self, soul: Soul, other: str) -> Code | None:
        circle = soul.circle
        if circle is None:
            return Code.NOT_FOUND
        if other == soul.user_id:
            return Code.FORBIDDEN
        kept = circle.said[-self.policy.history_messages :]
        has_said = any(said.sender == other and said.is_for(soul.user_id) for said in kept)
        return None if other in circle.members or has_said else Code.RECIPIENT_NOT_FOUND

    def report(self, soul: Soul, other: str, address: str) -> Words:
        circle = soul.circle
        assert circle
        if self.block_refusal(soul, other) is None:
            soul.blocked.add(other)
        if other not in circle.members:
            return []
        circle.reports.setdefault(other, {})[soul.user_id] = address
        counted = {
            address
            for reporter, address in circle.reports[other].items()
            if circle.members[reporter].since_ms + PRESENT_MS <= self.now_ms
        }
        if len(counted) < min(ENOUGH_REPORTS, len(circle.members) - 1):
            return []
        circle.removed.add(other)
        return self.go(self.souls[other], "removed")

    # --- time ---

    def lost(self) -> set[str]:
        """Who must leave by now."""
        found = self.souls.values()
        return {s.user_id for s in found if s.leave_ms is not None and s.leave_ms <= self.now_ms}

    def expire_idle(self) -> set[str]:
        """End the groups that are idle, and forget users and partings that are due."""
        limit_ms = self.policy.idle_limit_ms
        idle = {c.room_id for c in self.circles.values() if c.active_ms + limit_ms <= self.now_ms}
        for room_id in idle:
            for user_id in self.circles.pop(room_id).members:
                self.souls[user_id].circle = self.souls[user_id].leave_ms = None
        for soul in list(self.souls.values()):
            apart = soul.apart_until_ms.items()
            soul.apart_until_ms = {who: due_ms for who, due_ms in apart if due_ms > self.now_ms}
            if not soul.is_here and soul.forget_ms <= self.now_ms:
                del self.souls[soul.user_id]
        return idle

    def remembered(self) -> Iterable[Soul]:
        return (soul for soul in self.souls.values() if soul.is_remembered)
